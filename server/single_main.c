#include "server/roostd.h"

int main(int argc, char **argv)
{
    return single_main(argc, argv);
}
