/// Tests of what only [weft.vmhost.nativecode] can see; what its code does, the tests of the hart
/// see on every engine.
@NullMarked
package weft.vmhost.nativecode;

import org.jspecify.annotations.NullMarked;
