/// The messages of a VM's console: the client reads from an offset of the output and writes input,
/// each as a request of its own, so that it goes on at another host after a migration.
@NullMarked
package weft.wire.console;

import org.jspecify.annotations.NullMarked;
