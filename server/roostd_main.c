#include "server/roostd.h"

int main(int argc, char **argv)
{
    return roostd_main(argc, argv);
}
