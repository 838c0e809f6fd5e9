/// The switch against the Linux kernel's own implementation, in network namespaces.
@NullMarked
package weft.vswitch.interop;

import org.jspecify.annotations.NullMarked;
