/// Tests of measuring the network.
@NullMarked
package weft.ops.bench.net;

import org.jspecify.annotations.NullMarked;
