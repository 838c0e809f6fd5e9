/// Tests of the socket between hosts.
@NullMarked
package weft.vswitch.underlay;

import org.jspecify.annotations.NullMarked;
