/// A machine's state as bytes: everything but RAM, whose pages the reader of a snapshot moves by
/// its own means.
///
/// Sections are named, versioned and check-summed each, so that damage and unknown forms are told
/// by name, before anything of the machine is changed.
@NullMarked
package weft.vmhost.snapshot;

import org.jspecify.annotations.NullMarked;
