/// The destination of a migration against what a peer may send.
@NullMarked
package weft.vmhost.migration;

import org.jspecify.annotations.NullMarked;
