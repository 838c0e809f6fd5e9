/// Live migration: a running VM changes hosts. The conversation is drawn at
/// [weft.wire.migration.MigrationMessage]; who runs the VM is decided by one commit of the
/// destination ([weft.vmhost.agent] `Claims`), never by a message.
///
/// ```text
///   source: PageStream (rounds of dirty pages) ─► MigrationSource (pause, the rest, state) ─► destination
///   destination: IncomingMachine writes pages, restores, commits, resumes
/// ```
@NullMarked
package weft.vmhost.migration;

import org.jspecify.annotations.NullMarked;
