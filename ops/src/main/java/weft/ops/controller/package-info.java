/// Control: one elected process that decides where things go. `Placements` are pure functions of
/// the fabric's image; `Control` is the loop that carries their decisions out, each by
/// compare-and-set, so that two who believe to be elected do no harm.
@NullMarked
package weft.ops.controller;

import org.jspecify.annotations.NullMarked;
