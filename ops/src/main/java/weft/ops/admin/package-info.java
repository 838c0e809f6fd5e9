/// What a person can ask of a fabric, as operations on its records: checks, then one commit.
/// Commands and tests call these; nothing here prints.
@NullMarked
package weft.ops.admin;

import org.jspecify.annotations.NullMarked;
