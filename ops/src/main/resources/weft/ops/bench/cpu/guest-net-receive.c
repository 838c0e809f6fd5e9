/* TCP from the host through a virtio NIC: a byte asks for 4 MiB, a repetition. */
#define RECEIVE
#include "guest-net.c"
