/// The messages of frame captures: a client starts one at a host's switch, reads what passed there
/// and ends it; a capture that nobody reads ends itself.
@NullMarked
package weft.wire.capture;

import org.jspecify.annotations.NullMarked;
