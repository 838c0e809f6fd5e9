/// The way to other hosts: UDP datagrams. Only this room touches a socket.
@NullMarked
package weft.vswitch.underlay;

import org.jspecify.annotations.NullMarked;
