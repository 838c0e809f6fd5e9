/// The messages of a live migration, from host to host; drawn in `docs/protocols/migration.md`.
/// [weft.wire.migration.MigrationMessage] has them all, [weft.wire.migration.MigrationFamily] their
/// bytes.
@NullMarked
package weft.wire.migration;

import org.jspecify.annotations.NullMarked;
