/* What the API only reads, and what it hands on as it is. */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/api/rig.h"

static void test_reads(void **state)
{
    static const struct {
        const char *line, *has;
    } rows[] = {
        { "GET /v1/status", "{\"read\":\"core_status\"}\n" },
        { "GET /v1/status", "Content-Type: application/json\r\n" },
        { "GET /v1/instances/web1/console?lines=7", "{\"name\":\"web1\",\"lines\":7}" },
        { "GET /v1/instances/web1/export?for=mac", "{\"exported\":\"web1\",\"for\":\"mac\"}" },
        { "GET /v1/instances/web1/export", "\"for\":\"linux\"}" },
        { "GET /v1/networks", "{\"read\":\"core_networks\"}" },
        { "GET /v1/identities", "[\"identities\"]" },
        { "GET /v1/networks/lab", "{\"network\":\"lab\"}" },
        { "GET /v1/known-hosts?host=web1", "\r\n\r\nsurvey 2 of web1\n" },
        { "GET /v1/known-hosts", "\r\n\r\nsurvey 2 of (all)\n" },
        { "GET /v1/inventory", "Content-Type: text/yaml\r\n" },
        { "GET /v1/ssh-config", "\r\n\r\nsurvey 3 of (all)\n" },
        { "GET /v1/instances", "Content-Type: application/json\r\n" },
        { "GET /v1/openapi", "\r\n\r\nopenapi: 3.1.0\n" },
    };
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(ask(rows[i].line, "", &b), 200);
        if (!strstr(b.data, rows[i].has))
            fail_msg("%s: no \"%s\" in %s", rows[i].line, rows[i].has, b.data);
    }
}

static void test_import(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\",\"as\":\"web2\"}", &b), 200);
    assert_non_null(strstr(b.data, "{\"imported\":\"/b\",\"as\":\"web2\"}"));
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\"}", &b), 200);
    assert_int_equal(ask("POST /v1/import", "{\"as\":\"web2\"}", &b), 400);
    assert_int_equal(ask("POST /v1/import", "{\"file\":\"/b\",\"wheels\":4}", &b), 400);
}

/* What is no upgrade, or is of nobody's console. */
static void test_attach(void **state)
{
    static const char upgrade[] =
        "GET /v1/instances/web1/console/attach?watch=true HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: roost-console\r\n\r\n";
    auto_buf struct buf b = BUF_INIT, c = BUF_INIT;
    auto_close int fd = -1;

    (void)state;
    assert_int_equal(ask("GET /v1/instances/web1/console/attach", "", &b), 400);
    assert_non_null(strstr(b.data, "Upgrade: roost-console"));
    fd = dial();
    say(fd, upgrade, sizeof upgrade - 1);
    hear(fd, &c);
    assert_int_equal(status_of(&c), 409);
    assert_non_null(strstr(c.data, "web1 is stopped, and would only be watched"));
}

/* Who asks for the fleet waits alone; one who goes away meanwhile is not missed. */
#define LAST_CHUNK "\r\n0\r\n\r\n"

/* A chunked answer to its end (true), or to where the connection ends before that. */
static bool hear_chunks(int fd, struct buf *b)
{
    char chunk[4096];
    bool whole = false;
    ssize_t n = -1;

    buf_clear(b);
    for (int i = 0; i < 3000 && !whole && n != 0; i++) {
        turns(1);
        n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n > 0)
            buf_put(b, chunk, (size_t)n);
        whole = strstr(buf_str(b), LAST_CHUNK) != NULL;
    }
    assert_true(whole || n == 0);
    return whole;
}

/* Sent on as it is made, and the connection serves on; of one that breaks off people see that it is
 * not whole. */
static void test_bundle(void **state)
{
    static const char bytes[] = "\r\n1\r\n9\r\n1\r\n8\r\n1\r\n7\r\n";
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    request(fd, "GET /v1/instances/web1/bundle", "");
    assert_true(hear_chunks(fd, &b));
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "Content-Type: application/x-tar\r\n"));
    assert_non_null(strstr(b.data, bytes));
    assert_non_null(strstr(b.data, "\r\n1\r\n0" LAST_CHUNK));
    request(fd, "GET /v1/instances/web1/bundle?no-image=true", "");
    assert_false(hear_chunks(fd, &b));
    assert_non_null(strstr(b.data, bytes));
}

static void test_survey_takes_its_time(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    struct buf text = BUF_INIT;
    struct err stopping;
    int fd = dial();

    (void)state;
    fake.slow = true;
    request(fd, "GET /v1/instances", "");
    turns(5);
    assert_non_null(fake.surveyed);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
    buf_puts(&text, "[]\n");
    fake.surveyed(&text, NULL, fake.survey_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\n[]\n"));
    request(fd, "GET /v1/inventory", "");
    turns(5);
    err_set(&stopping, ERR_BUSY, "roost is stopping");
    fake.surveyed(NULL, &stopping, fake.survey_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 503);
    fake.surveyed = NULL;
    request(fd, "GET /v1/instances", "");
    turns(5);
    close(fd);
    turns(5);
    buf_puts(&text, "[]\n");
    fake.surveyed(&text, NULL, fake.survey_arg);
    turns(5);
    buf_done(&text);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
}

/* The text of an export goes out as it is. */
static void test_an_export_is_text(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    json_t *text = json_pack("{s:s}", "text", "link add rb-lab\n");
    struct err e;

    (void)state;
    request(fd, "GET /v1/networks/lab/export?format=ip", "");
    turns(20);
    assert_string_equal(fake.format, "ip");
    fake.done[0](text, NULL, fake.arg[0]);
    json_decref(text);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(b.data, "\r\n\r\nlink add rb-lab\n"));
    request(fd, "GET /v1/networks/lab/export", "");
    turns(20);
    assert_string_equal(fake.format, "");
    err_set(&e, ERR_INVALID, "no such format");
    fake.done[1](NULL, &e, fake.arg[1]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reads),
        T(test_import),
        T(test_attach),
        T(test_bundle),
        T(test_survey_takes_its_time),
        T(test_an_export_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
