/// Linux's system calls, as far as the switch makes them itself: by the Foreign Function API,
/// because the JDK knows neither TAP interfaces nor segmentation offload of UDP, and because one
/// thread is to wait for sockets and interfaces alike. Knows nothing of frames. Used by `port`,
/// `underlay` and the switch's loop.
@NullMarked
package weft.vswitch.linux;

import org.jspecify.annotations.NullMarked;
