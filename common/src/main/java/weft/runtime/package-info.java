/// Time and threads: the only room that looks at a clock or starts a thread. Protocol cores get
/// `nowNanos` passed in; mutable objects are owned by one [weft.runtime.Loop].
@NullMarked
package weft.runtime;

import org.jspecify.annotations.NullMarked;
