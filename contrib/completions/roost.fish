# Completion of roost(1) for fish, made by: roost completion fish
function __roost_complete
    set -l line ''
    set -l skip ''
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip ''
            continue
        end
        switch $word
            case -o --output --socket
                set skip 1
            case '-*'
            case '*'
                set line "$line$word "
        end
    end
    switch $line
        case 'apply *'
            string split ' ' '--file --dry-run --prune --destroy-disks --yes'
        case 'status *'
            string split ' ' ''
        case 'check *'
            string split ' ' ''
        case 'wait *'
            string split ' ' '--group --state --all --for --timeout --overdue --quiet'
            roost instance list -o name 2>/dev/null
        case 'events *'
            string split ' ' '--follow --limit'
            roost instance list -o name 2>/dev/null
        case 'instance create *'
            string split ' ' '--external --tag --uuid --serial --mac --image --network --identity --group --address --nic --forward --cpus --memory --disk --disk-bus --cache --volatile --add-disk --cpu --machine --firmware --firmware-code --firmware-vars --display --keymap --qemu-argument --host-device --bootstrapper --cdrom --boot --user-data --vendor-data --domain --autostart --autostart-order --var --playbook --needs --count --start --wait --timeout --dry-run'
        case 'instance list *'
            string split ' ' '--group --state --sort --columns'
            roost instance list -o name 2>/dev/null
        case 'instance show *'
            string split ' ' ''
            roost instance list -o name 2>/dev/null
        case 'instance modify *'
            string split ' ' '--image --network --identity --group --address --nic --forward --cpus --memory --disk --disk-bus --cache --volatile --add-disk --remove-disk --cpu --machine --firmware --firmware-code --firmware-vars --display --keymap --qemu-argument --host-device --bootstrapper --cdrom --boot --user-data --vendor-data --domain --autostart --autostart-order --var --playbook --needs --unset --dry-run'
            roost instance list -o name 2>/dev/null
        case 'instance rename *'
            string split ' ' ''
        case 'instance start *'
            string split ' ' '--force --wait --no-wait --timeout --group --state --all'
            roost instance list -o name 2>/dev/null
        case 'instance stop *'
            string split ' ' '--force --no-wait --group --state --all'
            roost instance list -o name 2>/dev/null
        case 'instance restart *'
            string split ' ' '--force --wait --no-wait --timeout --group --state --all'
            roost instance list -o name 2>/dev/null
        case 'instance reset *'
            string split ' ' '--force --wait --no-wait --timeout --group --state --all --yes'
            roost instance list -o name 2>/dev/null
        case 'instance rebuild *'
            string split ' ' '--force --wait --no-wait --timeout --group --state --all --yes'
            roost instance list -o name 2>/dev/null
        case 'instance eject *'
            string split ' ' '--force --group --state'
            roost instance list -o name 2>/dev/null
        case 'instance insert *'
            string split ' ' '--force'
            roost instance list -o name 2>/dev/null
        case 'instance remove *'
            string split ' ' '--force --destroy-disks --dry-run --group --state --all --yes'
            roost instance list -o name 2>/dev/null
        case 'instance trash list *'
            string split ' ' ''
        case 'instance trash restore *'
            string split ' ' '--as'
        case 'instance trash empty *'
            string split ' ' '--all --yes'
        case 'instance export *'
            string split ' ' '--for --file --bundle --no-image --force'
            roost instance list -o name 2>/dev/null
        case 'instance import *'
            string split ' ' '--as --network --no-wait --quiet'
        case 'console *'
            string split ' ' '--log --lines --escape --watch'
            roost instance list -o name 2>/dev/null
        case 'vnc *'
            string split ' ' ''
            roost instance list -o name 2>/dev/null
        case 'ssh *'
            string split ' ' '--identity --login'
            roost instance list -o name 2>/dev/null
        case 'cp *'
            string split ' ' '--recursive --preserve --identity --login'
            roost instance list -o name 2>/dev/null
        case 'ssh-config *'
            string split ' ' ''
        case 'image create *'
            string split ' ' '--predefined --url --file --kernel --initrd --cmdline --checksum --arch --firmware --default-user --min-cpu --min-ram --min-disk --no-wait --quiet'
        case 'image list *'
            string split ' ' ''
        case 'image show *'
            string split ' ' ''
            roost image list -o name 2>/dev/null
        case 'image catalogue *'
            string split ' ' ''
        case 'image verify *'
            string split ' ' ''
            roost image list -o name 2>/dev/null
        case 'image remove *'
            string split ' ' ''
            roost image list -o name 2>/dev/null
        case 'image gc *'
            string split ' ' '--unused --dry-run'
        case 'identity create *'
            string split ' ' '--public-key --password --gecos --home --shell --group --sudo'
        case 'identity list *'
            string split ' ' ''
        case 'identity show *'
            string split ' ' ''
            roost identity list -o name 2>/dev/null
        case 'identity modify *'
            string split ' ' '--public-key --password --gecos --home --shell --group --sudo --remove-key --unset'
            roost identity list -o name 2>/dev/null
        case 'identity remove *'
            string split ' ' ''
            roost identity list -o name 2>/dev/null
        case 'network create *'
            string split ' ' '--kind --cidr --dhcp --domain --parent --vlan --host-address --gateway --nameserver --mtu --policy --advertise --allow --autostart --dry-run'
        case 'network list *'
            string split ' ' ''
        case 'network show *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network up *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network down *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network remove *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network check *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network plan *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network export *'
            string split ' ' '--format'
            roost network list -o name 2>/dev/null
        case 'network forward add *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network forward list *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'network forward remove *'
            string split ' ' ''
            roost network list -o name 2>/dev/null
        case 'seed show *'
            string split ' ' ''
            roost instance list -o name 2>/dev/null
        case 'seed explain *'
            string split ' ' '--as'
            roost instance list -o name 2>/dev/null
        case 'seed export *'
            string split ' ' '--cidata'
            roost instance list -o name 2>/dev/null
        case 'seed url *'
            string split ' ' '--for'
            roost instance list -o name 2>/dev/null
        case 'unknown list *'
            string split ' ' ''
        case 'unknown adopt *'
            string split ' ' '--as --network'
        case 'unknown forget *'
            string split ' ' ''
        case 'inventory *'
            string split ' ' ''
        case 'known-hosts *'
            string split ' ' ''
        case 'ansible init *'
            string split ' ' '--instance'
        case 'group list *'
            string split ' ' ''
        case 'runs *'
            string split ' ' '--limit'
            roost instance list -o name 2>/dev/null
        case 'run show *'
            string split ' ' '--log --follow'
        case 'run cancel *'
            string split ' ' ''
        case 'run *'
            string split ' ' '--group --playbook --tags --check --detach'
            roost instance list -o name 2>/dev/null
        case 'task list *'
            string split ' ' ''
        case 'task show *'
            string split ' ' ''
        case 'task wait *'
            string split ' ' '--quiet'
        case 'task cancel *'
            string split ' ' ''
        case 'store backup *'
            string split ' ' ''
        case 'store check *'
            string split ' ' ''
        case 'store restore *'
            string split ' ' '--replace'
        case 'metrics *'
            string split ' ' ''
        case 'sync *'
            string split ' ' ''
        case 'paths *'
            string split ' ' ''
        case 'completion *'
            string split ' ' ''
        case 'version *'
            string split ' ' ''
        case 'help *'
            string split ' ' ''
        case 'instance trash *'
            string split ' ' 'list restore empty'
        case 'network forward *'
            string split ' ' 'add list remove'
        case 'instance *'
            string split ' ' 'create list show modify rename start stop restart reset rebuild eject insert remove trash export import'
        case 'image *'
            string split ' ' 'create list show catalogue verify remove gc'
        case 'identity *'
            string split ' ' 'create list show modify remove'
        case 'network *'
            string split ' ' 'create list show up down remove check plan export forward'
        case 'seed *'
            string split ' ' 'show explain export url'
        case 'unknown *'
            string split ' ' 'list adopt forget'
        case 'ansible *'
            string split ' ' 'init'
        case 'group *'
            string split ' ' 'list'
        case 'run *'
            string split ' ' 'show cancel'
        case 'task *'
            string split ' ' 'list show wait cancel'
        case 'store *'
            string split ' ' 'backup check restore'
        case '*'
            string split ' ' 'apply status check wait events instance console vnc ssh cp ssh-config image identity network seed unknown inventory known-hosts ansible group runs run task store metrics sync paths completion version help'
    end
end
complete -c roost -a '(__roost_complete)'
