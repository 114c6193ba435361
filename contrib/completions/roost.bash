# Completion of roost(1) for bash, made by: roost completion bash
_roost_names() {
    roost "$1" list -o name 2>/dev/null
}

_roost() {
    local cur=${COMP_WORDS[COMP_CWORD]} line= next= names= skip= word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -n "$skip" ]; then
            skip=
            continue
        fi
        case $word in
        -o | --output | --socket) skip=1 ;;
        -*) ;;
        *) line="$line$word " ;;
        esac
    done
    case $line in
    'apply '*)
        next='--file --dry-run --prune --destroy-disks --yes'
        ;;
    'status '*)
        next=''
        ;;
    'check '*)
        next=''
        ;;
    'wait '*)
        next='--group --state --all --for --timeout --overdue --quiet'
        names=instance
        ;;
    'events '*)
        next='--follow --limit'
        names=instance
        ;;
    'instance create '*)
        next='--external --tag --uuid --serial --mac --image --network --identity --group --address --nic --forward --cpus --memory --disk --disk-bus --cache --volatile --add-disk --cpu --machine --firmware --firmware-code --firmware-vars --display --keymap --qemu-argument --host-device --bootstrapper --cdrom --boot --user-data --vendor-data --domain --autostart --autostart-order --var --playbook --needs --count --start --wait --timeout --dry-run'
        ;;
    'instance list '*)
        next='--group --state --sort --columns'
        names=instance
        ;;
    'instance show '*)
        next=''
        names=instance
        ;;
    'instance modify '*)
        next='--image --network --identity --group --address --nic --forward --cpus --memory --disk --disk-bus --cache --volatile --add-disk --remove-disk --cpu --machine --firmware --firmware-code --firmware-vars --display --keymap --qemu-argument --host-device --bootstrapper --cdrom --boot --user-data --vendor-data --domain --autostart --autostart-order --var --playbook --needs --unset --dry-run'
        names=instance
        ;;
    'instance rename '*)
        next=''
        ;;
    'instance start '*)
        next='--force --wait --no-wait --timeout --group --state --all'
        names=instance
        ;;
    'instance stop '*)
        next='--force --no-wait --group --state --all'
        names=instance
        ;;
    'instance restart '*)
        next='--force --wait --no-wait --timeout --group --state --all'
        names=instance
        ;;
    'instance reset '*)
        next='--force --wait --no-wait --timeout --group --state --all --yes'
        names=instance
        ;;
    'instance rebuild '*)
        next='--force --wait --no-wait --timeout --group --state --all --yes'
        names=instance
        ;;
    'instance eject '*)
        next='--force --group --state'
        names=instance
        ;;
    'instance insert '*)
        next='--force'
        names=instance
        ;;
    'instance remove '*)
        next='--force --destroy-disks --dry-run --group --state --all --yes'
        names=instance
        ;;
    'instance trash list '*)
        next=''
        ;;
    'instance trash restore '*)
        next='--as'
        ;;
    'instance trash empty '*)
        next='--all --yes'
        ;;
    'instance export '*)
        next='--for --file --bundle --no-image --force'
        names=instance
        ;;
    'instance import '*)
        next='--as --network --no-wait --quiet'
        ;;
    'console '*)
        next='--log --lines --escape --watch'
        names=instance
        ;;
    'vnc '*)
        next=''
        names=instance
        ;;
    'ssh '*)
        next='--identity --login'
        names=instance
        ;;
    'cp '*)
        next='--recursive --preserve --identity --login'
        names=instance
        ;;
    'ssh-config '*)
        next=''
        ;;
    'image create '*)
        next='--predefined --url --file --kernel --initrd --cmdline --checksum --arch --firmware --default-user --min-cpu --min-ram --min-disk --no-wait --quiet'
        ;;
    'image list '*)
        next=''
        ;;
    'image show '*)
        next=''
        names=image
        ;;
    'image catalogue '*)
        next=''
        ;;
    'image verify '*)
        next=''
        names=image
        ;;
    'image remove '*)
        next=''
        names=image
        ;;
    'image gc '*)
        next='--unused --dry-run'
        ;;
    'identity create '*)
        next='--public-key --password --gecos --home --shell --group --sudo'
        ;;
    'identity list '*)
        next=''
        ;;
    'identity show '*)
        next=''
        names=identity
        ;;
    'identity modify '*)
        next='--public-key --password --gecos --home --shell --group --sudo --remove-key --unset'
        names=identity
        ;;
    'identity remove '*)
        next=''
        names=identity
        ;;
    'network create '*)
        next='--kind --cidr --dhcp --domain --parent --vlan --host-address --gateway --nameserver --mtu --policy --advertise --allow --autostart --dry-run'
        ;;
    'network list '*)
        next=''
        ;;
    'network show '*)
        next=''
        names=network
        ;;
    'network up '*)
        next=''
        names=network
        ;;
    'network down '*)
        next=''
        names=network
        ;;
    'network remove '*)
        next=''
        names=network
        ;;
    'network check '*)
        next=''
        names=network
        ;;
    'network plan '*)
        next=''
        names=network
        ;;
    'network export '*)
        next='--format'
        names=network
        ;;
    'network forward add '*)
        next=''
        names=network
        ;;
    'network forward list '*)
        next=''
        names=network
        ;;
    'network forward remove '*)
        next=''
        names=network
        ;;
    'seed show '*)
        next=''
        names=instance
        ;;
    'seed explain '*)
        next='--as'
        names=instance
        ;;
    'seed export '*)
        next='--cidata'
        names=instance
        ;;
    'seed url '*)
        next='--for'
        names=instance
        ;;
    'unknown list '*)
        next=''
        ;;
    'unknown adopt '*)
        next='--as --network'
        ;;
    'unknown forget '*)
        next=''
        ;;
    'inventory '*)
        next=''
        ;;
    'known-hosts '*)
        next=''
        ;;
    'ansible init '*)
        next='--instance'
        ;;
    'group list '*)
        next=''
        ;;
    'runs '*)
        next='--limit'
        names=instance
        ;;
    'run show '*)
        next='--log --follow'
        ;;
    'run cancel '*)
        next=''
        ;;
    'run '*)
        next='--group --playbook --tags --check --detach'
        names=instance
        ;;
    'task list '*)
        next=''
        ;;
    'task show '*)
        next=''
        ;;
    'task wait '*)
        next='--quiet'
        ;;
    'task cancel '*)
        next=''
        ;;
    'store backup '*)
        next=''
        ;;
    'store check '*)
        next=''
        ;;
    'store restore '*)
        next='--replace'
        ;;
    'metrics '*)
        next=''
        ;;
    'sync '*)
        next=''
        ;;
    'paths '*)
        next=''
        ;;
    'completion '*)
        next=''
        ;;
    'version '*)
        next=''
        ;;
    'help '*)
        next=''
        ;;
    'instance trash '*)
        next='list restore empty'
        ;;
    'network forward '*)
        next='add list remove'
        ;;
    'instance '*)
        next='create list show modify rename start stop restart reset rebuild eject insert remove trash export import'
        ;;
    'image '*)
        next='create list show catalogue verify remove gc'
        ;;
    'identity '*)
        next='create list show modify remove'
        ;;
    'network '*)
        next='create list show up down remove check plan export forward'
        ;;
    'seed '*)
        next='show explain export url'
        ;;
    'unknown '*)
        next='list adopt forget'
        ;;
    'ansible '*)
        next='init'
        ;;
    'group '*)
        next='list'
        ;;
    'run '*)
        next='show cancel'
        ;;
    'task '*)
        next='list show wait cancel'
        ;;
    'store '*)
        next='backup check restore'
        ;;
    ''*)
        next='apply status check wait events instance console vnc ssh cp ssh-config image identity network seed unknown inventory known-hosts ansible group runs run task store metrics sync paths completion version help'
        ;;
    esac
    if [ -n "$names" ] && [ "${cur#-}" = "$cur" ]; then
        next=$(_roost_names "$names")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$next" -- "$cur")
}
complete -o default -F _roost roost
