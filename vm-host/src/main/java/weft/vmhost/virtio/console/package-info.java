/// The console: virtio console (virtio 1.2, 5.3), one port, `hvc0` in Linux.
@NullMarked
package weft.vmhost.virtio.console;

import org.jspecify.annotations.NullMarked;
