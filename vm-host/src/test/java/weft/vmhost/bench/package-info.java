/// What single steps of the machine cost, by JMH; run by hand (docs/testing.md), nothing asserts on
/// speed.
@NullMarked
package weft.vmhost.bench;

import org.jspecify.annotations.NullMarked;
