/// What a switch answers itself instead of carrying it on, for the stations behind its own ports:
/// ARP and DHCPv4. Pure: a frame and what is known of its sender in, an answer's bytes out. Nothing
/// here knows ports, networks, a clock or a thread.
@NullMarked
package weft.vswitch.service;

import org.jspecify.annotations.NullMarked;
