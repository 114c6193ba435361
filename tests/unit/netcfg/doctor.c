#include "netcfg/doctor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "netcfg/doctor_names.h"
#include "netcfg/doctor_port.h"
#include "netcfg/doctor_read.h"

/* ---- judging ---- */

/* A host where all is well, and a network lab that is up on it. */
struct host {
    struct doctor_facts d;
    struct fact_link links[3];
    struct fact_address addresses[2];
    struct facts f;
    struct network n;
};

static void network(struct host *h, const char *name, const char *json)
{
    json_t *j = json_loads(json, 0, NULL);
    struct err e;

    if (network_from_json(name, j, &h->n, &e) < 0)
        fail_msg("%s", e.text);
    json_decref(j);
}

static void link_is(struct fact_link *l, const char *name, const char *kind, const char *alias)
{
    *l = (struct fact_link){ .up = true, .running = true, .mac_pinned = true, .mtu = 1500 };
    snprintf(l->name, sizeof l->name, "%s", name);
    snprintf(l->kind, sizeof l->kind, "%s", kind);
    snprintf(l->alias, sizeof l->alias, "%s", alias);
}

static void well(struct host *h)
{
    *h = (struct host){
        .d = { .tun = true,
               .admin = true,
               .dnsmasq = true,
               .iptables = true,
               .ip_forward = 1,
               .resolved = true,
               .told = true,
               .hooks_known = true,
               .hooks = { .forward = true,
                          .input = true,
                          .prerouting = true,
                          .output = true,
                          .postrouting = true,
                          .chains = true } },
    };
    link_is(&h->links[0], "eth0", "", "");
    link_is(&h->links[1], "rb-lab", "bridge", "roost lab");
    link_is(&h->links[2], "br0", "bridge", "");
    h->links[2].mac = (struct mac){ { 2, 0, 0, 0, 0, 7 } };
    h->addresses[0] = (struct fact_address){ "eth0", { 4, { 192, 0, 2, 7 } }, 24, false };
    h->addresses[1] = (struct fact_address){ "rb-lab", { 4, { 172, 16, 5, 1 } }, 24, false };
    h->f = (struct facts){ h->links, 3, h->addresses, 2, NULL, 0 };
    network(h, "lab",
            "{\"kind\": \"shared\", \"cidr\": \"172.16.5.0/24\", \"domain\": \"lab.test\"}");
}

static void bridged(struct host *h, const char *parent)
{
    char json[128];

    snprintf(json, sizeof json, "{\"kind\": \"bridged\", \"parent\": \"%s\"}", parent);
    network(h, "lan", json);
}

static struct finding list[FINDINGS_MAX];

static int judge(const struct host *h, bool is_up)
{
    return doctor_judge(&h->n, is_up, &h->f, &h->d, list);
}

/* The one finding that is no OK; NULL: all is well. Each fault has a mend, and nothing was cut. */
static const struct finding *fault(const struct host *h, bool is_up)
{
    const int n = judge(h, is_up);
    const struct finding *found = NULL;

    assert_true(n > 0 && n <= FINDINGS_MAX);
    for (int i = 0; i < n; i++) {
        const struct finding *f = &list[i];
        assert_true(*f->what && *f->cause);
        assert_true(strlen(f->cause) < sizeof f->cause - 1 && strlen(f->mend) < sizeof f->mend - 1);
        assert_null(strpbrk(f->cause, "\n"));
        assert_int_equal(f->grade == FINDING_OK, *f->mend == '\0');
        if (f->grade == FINDING_OK)
            continue;
        if (found)
            fail_msg("both %s and %s", found->what, f->what);
        found = f;
    }
    return found;
}

static void assert_fault(const struct host *h, bool is_up, int grade, const char *what,
                         const char *part)
{
    const struct finding *f = fault(h, is_up);

    if (!f)
        fail_msg("all is well; expected %s", what);
    assert_string_equal(f->what, what);
    assert_int_equal(f->grade, grade);
    if (!strstr(f->cause, part) && !strstr(f->mend, part))
        fail_msg("\"%s\" (%s) says nothing of \"%s\"", f->cause, f->mend, part);
}

static void test_all_is_well(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    assert_null(fault(&h, true));
    assert_true(judge(&h, true) >= 12);
    bridged(&h, "br0");
    assert_null(fault(&h, true));
}

static void test_host_faults(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        bool value;
        int grade;
        const char *what, *part;
    } rows[] = {
        { offsetof(struct doctor_facts, tun), false, FINDING_BAD, "tun", "modprobe tun" },
        { offsetof(struct doctor_facts, admin), false, FINDING_BAD, "privilege", "CAP_NET_ADMIN" },
        { offsetof(struct doctor_facts, dnsmasq), false, FINDING_BAD, "dnsmasq", "dnsmasq-base" },
        { offsetof(struct doctor_facts, iptables), false, FINDING_BAD, "iptables", "install" },
        { offsetof(struct doctor_facts, firewalld), true, FINDING_WARN, "firewalld", "rb-lab" },
        { offsetof(struct doctor_facts, ufw), true, FINDING_WARN, "ufw", "ufw" },
        { offsetof(struct doctor_facts, resolved), false, FINDING_WARN, "names", "172.16.5.1" },
        { offsetof(struct doctor_facts, told), false, FINDING_WARN, "names",
          "resolvectl dns rb-lab 172.16.5.1; resolvectl domain rb-lab '~lab.test'" },
        { offsetof(struct doctor_facts, port53), true, FINDING_BAD, "port-53", "another program" },
        { offsetof(struct doctor_facts, port67), true, FINDING_BAD, "port-67", "port 67" },
        { offsetof(struct doctor_facts, hooks_known), false, FINDING_WARN, "rules",
          "iptables-save" },
        { offsetof(struct doctor_facts, hooks) + offsetof(struct firewall_hooks, output), false,
          FINDING_BAD, "rules", "roost network up lab" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct host h;
        well(&h);
        *(bool *)((char *)&h.d + rows[i].at) = rows[i].value;
        assert_fault(&h, true, rows[i].grade, rows[i].what, rows[i].part);
    }
}

static void test_forwarding(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    h.d.ip_forward = 0;
    assert_fault(&h, true, FINDING_BAD, "forwarding", "ip_forward");
    assert_null(fault(&h, false)); /* up will see to it */
    network(&h, "lab", "{\"kind\": \"host-only\", \"cidr\": \"172.16.5.0/24\"}");
    assert_null(fault(&h, true));
}

static void test_docker(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    h.d.hooks.forward_drop = h.d.br_netfilter = true;
    assert_null(fault(&h, true)); /* our rules come before it */
    h.d.hooks.foreign = 3;
    assert_fault(&h, true, FINDING_WARN, "foreign-rules", "3 rules of others come before");
    h.d.hooks.foreign = 0;
    assert_fault(&h, false, FINDING_WARN, "br-netfilter", "lose each other");
    h.d.br_netfilter = false;
    h.d.hooks.forward = false;
    assert_fault(&h, true, FINDING_BAD, "rules", "cut off");
}

static void test_port_owners(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    h.d.port67 = true;
    strcpy(h.d.port67_owner, "dnsmasq"); /* they share it */
    assert_null(fault(&h, true));
    strcpy(h.d.port67_owner, "dhcpd");
    assert_fault(&h, false, FINDING_BAD, "port-67", "dhcpd holds port 67");
    bridged(&h, "br0"); /* roost answers no DHCP there */
    assert_null(fault(&h, true));
    well(&h);
    h.d.port53 = true;
    strcpy(h.d.port53_owner, "dnsmasq");
    assert_fault(&h, false, FINDING_BAD, "port-53", "bind-interfaces");
}

static void test_ranges_and_owners(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    strcpy(h.addresses[1].device, "eth1");
    assert_fault(&h, false, FINDING_BAD, "range", "172.16.5.0/24 on eth1");
    well(&h);
    strcpy(h.links[1].alias, "roost lab2");
    assert_fault(&h, false, FINDING_BAD, "owner", "marked roost lab2");
    well(&h);
    h.links[1].up = false;
    assert_fault(&h, true, FINDING_BAD, "bridge", "rb-lab is down");
    well(&h);
    strcpy(h.links[1].name, "other");
    strcpy(h.addresses[1].device, "rb-lab");
    assert_fault(&h, true, FINDING_BAD, "bridge", "rb-lab is gone");
    assert_null(fault(&h, false));
}

static void test_parents(void **state)
{
    (void)state;
    struct host h;

    well(&h);
    bridged(&h, "eth9");
    assert_fault(&h, false, FINDING_BAD, "parent", "no interface eth9");
    bridged(&h, "eth0");
    h.links[0].up = false;
    assert_fault(&h, false, FINDING_BAD, "parent", "ip link set dev eth0 up");
    h.links[0].up = true;
    h.links[0].running = false;
    assert_fault(&h, false, FINDING_WARN, "parent", "no carrier");
    h.links[0].running = true;
    h.d.rp_filter_all = 1;
    assert_fault(&h, false, FINDING_WARN, "rp-filter", "all.rp_filter");
    h.d.rp_filter_all = 2;
    bridged(&h, "br0");
    h.links[2].mac_pinned = false;
    assert_fault(&h, true, FINDING_WARN, "mac", "ip link set dev br0 address 02:00:00:00:00:07");
}

static void test_longest_words_fit(void **state)
{
    (void)state;
    struct host h;
    char name[NAME_MAX_LEN + 1], json[512], domain[DOMAIN_MAX_LEN + 1] = "";

    well(&h);
    memset(name, 'n', NAME_MAX_LEN);
    name[NAME_MAX_LEN] = '\0';
    while (strlen(domain) < 240)
        strcat(domain, "label-of-a-name.");
    strcat(domain, "test");
    snprintf(json, sizeof json,
             "{\"kind\": \"shared\", \"cidr\": \"172.16.5.0/24\", \"domain\": \"%s\"}", domain);
    network(&h, name, json);
    h.d = (struct doctor_facts){ .port53 = true, .port67 = true, .firewalld = true, .ufw = true };
    memset(h.d.port53_owner, 'p', 31);
    memset(h.d.port67_owner, 'p', 31);
    const int n = judge(&h, true);
    for (int i = 0; i < n; i++) {
        assert_true(strlen(list[i].cause) < sizeof list[i].cause - 1);
        assert_true(strlen(list[i].mend) < sizeof list[i].mend - 1);
    }
}

static void test_host_alone_and_user(void **state)
{
    (void)state;
    struct host h;
    int n, faults = 0;

    well(&h);
    h.d = (struct doctor_facts){ .ip_forward = 0 };
    n = doctor_judge(NULL, false, &h.f, &h.d, list);
    for (int i = 0; i < n; i++)
        faults += list[i].grade != FINDING_OK;
    assert_int_equal(faults, 5); /* privilege, tun, dnsmasq, iptables, rules */
    for (int i = 0; i < n; i++) /* nobody wants it yet */
        assert_int_not_equal(list[i].grade, FINDING_BAD);
    network(&h, "u", "{\"kind\": \"user\"}");
    assert_null(fault(&h, false));
}

/* ---- reading ---- */

static void test_socket_lines(void **state)
{
    (void)state;
    static const char head[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when";
    static const struct {
        const char *local, *st;
        bool held;
    } rows[] = {
        { "00000000:0035", "07", true },
        { "00000000:0035", "0A", true },
        { "0100007F:0035", "07", false },
        { "3500007F:0035", "0A", false },
        { "00000000:0036", "07", false },
        { "00000000:0035", "01", false }, /* connected */
        { "00000000000000000000000000000000:0035", "0A", true },
        { "00000000000000000000000001000000:0035", "0A", false },
    };
    unsigned long inode;
    char line[256];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        snprintf(line, sizeof line,
                 "  12: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000   101        0 "
                 "4711 2 0000000000000000 0\n",
                 rows[i].local, rows[i].st);
        inode = 0;
        assert_int_equal(doctor_socket_line(line, 53, &inode), rows[i].held);
        assert_int_equal(inode, rows[i].held ? 4711 : 0);
    }
    assert_false(doctor_socket_line(head, 53, &inode));
    assert_false(doctor_socket_line("", 53, &inode));
    assert_false(doctor_socket_line("  12: 00000000:0035", 53, &inode));
}

/* This process holds a port of its own. */
static void test_real_owner(void **state)
{
    (void)state;
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    char owner[32];

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    assert_true(doctor_port_held(root, ntohs(at.sin_port), false, owner));
    assert_string_equal(owner, "doctor");
}

static void put(int root, const char *path, const char *text, mode_t mode)
{
    char dir[256];

    snprintf(dir, sizeof dir, "%s", path);
    for (char *p = strchr(dir, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdirat(root, dir, 0755);
        *p = '/';
    }
    auto_close int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_who_is_asked_for_names(void **state)
{
    (void)state;
    char dir[] = "/tmp/roost-names-XXXXXX";
    static const struct {
        const char *path, *text;
        bool told;
    } rows[] = {
        { "etc/systemd/resolved.conf", "[Resolve]\n#Domains=~lab.test\nDNS=172.16.5.1\n", false },
        { "etc/systemd/resolved.conf.d/a.conf.old", "Domains=~lab.test\n", false },
        { "etc/systemd/resolved.conf.d/b.conf", "Domains=~lab.testing lab.tes ~other\n", false },
        { "run/systemd/resolve/netif/8", "SERVERS=172.16.5.1\nDOMAINS=~lab.test\n", false },
        { "run/systemd/resolve/netif/7", "SERVERS=172.16.5.1\nDOMAINS=~lab.test\n", true },
        { "run/systemd/resolve/netif/7", "DOMAINS=\n", false },
        { "etc/systemd/resolved.conf.d/b.conf", "[Resolve]\nDomains=~x ~lab.test\n", true },
        { "etc/systemd/resolved.conf.d/b.conf", "", false },
        { "etc/systemd/resolved.conf", "[Resolve]\nDomains=lab.test", true },
    };

    assert_non_null(mkdtemp(dir));
    auto_close int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put(root, rows[i].path, rows[i].text, 0644);
        if (doctor_told_below(root, "lab.test", 7) != rows[i].told)
            fail_msg("%s: %s", rows[i].path, rows[i].text);
    }
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_remove(tmp, strrchr(dir, '/') + 1, NULL), 0);
}

static void test_read_of_a_made_up_host(void **state)
{
    (void)state;
    char dir[] = "/tmp/roost-doctor-XXXXXX";
    struct doctor_facts d;

    assert_non_null(mkdtemp(dir));
    auto_close int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    doctor_read_below(root, &d);
    assert_false(d.tun || d.admin || d.dnsmasq || d.iptables || d.firewalld || d.ufw ||
                 d.br_netfilter || d.port53 || d.port67 || d.resolved);
    assert_int_equal(d.ip_forward, -1);

    put(root, "proc/self/status", "Name:\troostd\nCapEff:\t0000000000003400\n", 0644);
    put(root, "proc/sys/net/ipv4/ip_forward", "1\n", 0644);
    put(root, "proc/sys/net/ipv4/conf/all/rp_filter", "2\n", 0644);
    put(root, "proc/sys/net/bridge/bridge-nf-call-iptables", "1\n", 0644);
    put(root, "proc/net/udp",
        "  sl  local_address …\n"
        "  3: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 77 2 0 0\n",
        0644);
    put(root, "proc/net/tcp6",
        "  1: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000 0 0 78 1 0 100 0 0 10 0\n",
        0644);
    put(root, "proc/12/comm", "firewalld\n", 0644);
    put(root, "proc/13/comm", "dh\x1b[cpd\n", 0644);
    put(root, "proc/13/fd/.keep", "", 0644);
    assert_int_equal(symlinkat("socket:[77]", root, "proc/13/fd/5"), 0);
    put(root, "etc/ufw/ufw.conf", "# ufw\nENABLED=yes\nLOGLEVEL=low\n", 0644);
    put(root, "run/systemd/resolve/stub-resolv.conf", "", 0644);
    put(root, "usr/sbin/dnsmasq", "", 0755);
    put(root, "usr/sbin/iptables-save", "", 0755);
    put(root, "usr/sbin/iptables-restore", "", 0644); /* not executable */
    put(root, "dev/net/tun", "", 0644);
    doctor_read_below(root, &d);
    assert_true(d.tun && d.admin && d.dnsmasq && d.firewalld && d.ufw && d.br_netfilter &&
                d.resolved && d.port53 && d.port67);
    assert_int_equal(d.ip_forward, 1);
    assert_int_equal(d.rp_filter_all, 2);
    assert_string_equal(d.port67_owner, "dh?[cpd");
    assert_string_equal(d.port53_owner, "");
    assert_false(d.iptables);

    put(root, "proc/self/status", "Name:\troostd\nCapEff:\t0000000000001400\n", 0644);
    put(root, "etc/ufw/ufw.conf", "ENABLED=no\n", 0644);
    doctor_read_below(root, &d);
    assert_false(d.admin || d.ufw);
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_remove(tmp, dir + strlen("/tmp/"), NULL), 0);
}

static void test_read_of_this_host(void **state)
{
    (void)state;
    struct doctor_facts d;

    doctor_read(&d);
    assert_int_equal(d.tun, access("/dev/net/tun", R_OK | W_OK) == 0);
    assert_true(d.ip_forward == 0 || d.ip_forward == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_host_faults),
        cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_docker),
        cmocka_unit_test(test_port_owners),
        cmocka_unit_test(test_ranges_and_owners),
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_longest_words_fit),
        cmocka_unit_test(test_host_alone_and_user),
        cmocka_unit_test(test_socket_lines),
        cmocka_unit_test(test_real_owner),
        cmocka_unit_test(test_who_is_asked_for_names),
        cmocka_unit_test(test_read_of_a_made_up_host),
        cmocka_unit_test(test_read_of_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
