/* roost-core as it is, over a disk that loses power when it is killed. */
#include "server/core.h"

#include "powercut/vfs.h"

int main(int argc, char **argv)
{
    if (powercut_register() < 0)
        return 1;
    return core_main(argc, argv);
}
