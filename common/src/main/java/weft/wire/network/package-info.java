/// Questions about a host's switch, and their answers: what passed its ports, and what it dropped.
@NullMarked
package weft.wire.network;

import org.jspecify.annotations.NullMarked;
