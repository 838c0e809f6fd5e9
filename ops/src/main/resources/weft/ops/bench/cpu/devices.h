/* The devices of debian-micro for a program that is its first process. */
#ifndef WEFT_BENCH_DEVICES_H
#define WEFT_BENCH_DEVICES_H

#include "linux.h"

#define SYS_ioctl 29
#define SYS_mount 40
#define SYS_openat 56
#define SYS_close 57
#define SYS_read 63
#define SYS_pread64 67
#define SYS_finit_module 273

#define AT_FDCWD (-100)
#define O_RDONLY 0
#define O_DIRECT 040000

/* Loads the modules that the image's /etc/modules.boot names: virtio's transport, disk and NIC. */
static void load_modules(void)
{
    static char list[4096];
    s64 file = system_call(SYS_openat, AT_FDCWD, (s64) "/etc/modules.boot", O_RDONLY, 0, 0, 0);
    require(file, "/etc/modules.boot");
    s64 length = system_call(SYS_read, file, (s64) list, sizeof list - 1, 0, 0, 0);
    require(length, "/etc/modules.boot");
    system_call(SYS_close, file, 0, 0, 0, 0, 0);
    for (s64 at = 0, begin = 0; at < length; at++) {
        if (list[at] != '\n') {
            continue;
        }
        list[at] = 0;
        s64 module = system_call(SYS_openat, AT_FDCWD, (s64) (list + begin), O_RDONLY, 0, 0, 0);
        require(module, list + begin);
        require(system_call(SYS_finit_module, module, (s64) "", 0, 0, 0, 0), list + begin);
        system_call(SYS_close, module, 0, 0, 0, 0, 0);
        begin = at + 1;
    }
}

/* Opens the first disk. */
__attribute__((unused)) static s64 open_disk(s64 flags)
{
    require(system_call(SYS_mount, (s64) "dev", (s64) "/dev", (s64) "devtmpfs", 0, 0, 0), "devtmpfs");
    s64 disk = system_call(SYS_openat, AT_FDCWD, (s64) "/dev/vda", O_RDONLY | flags, 0, 0, 0);
    require(disk, "/dev/vda");
    return disk;
}

#endif
