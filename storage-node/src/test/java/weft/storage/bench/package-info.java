/// What single steps of the pool's data path cost, by JMH; run by hand (docs/testing.md), nothing
/// asserts on speed. Here is what anybody may call; what only a package may is measured beside it
/// (`BlockMapBench`, `JournalStepsBench`).
@NullMarked
package weft.storage.bench;

import org.jspecify.annotations.NullMarked;
