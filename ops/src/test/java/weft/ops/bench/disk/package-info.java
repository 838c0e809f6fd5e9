/// What the benchmark of the pool makes of what fio, the kernel and its own client say.
@NullMarked
package weft.ops.bench.disk;

import org.jspecify.annotations.NullMarked;
