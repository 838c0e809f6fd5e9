/// Tests of security groups: packets in, rulings out, time moved by hand.
@NullMarked
package weft.vswitch.policy;

import org.jspecify.annotations.NullMarked;
