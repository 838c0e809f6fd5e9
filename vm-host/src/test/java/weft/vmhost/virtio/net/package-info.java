/// Tests of the NIC's packets: what a guest leaves to us, and what the kernel makes of the same.
@NullMarked
package weft.vmhost.virtio.net;

import org.jspecify.annotations.NullMarked;
