/// The pool as commands use it: a client session, the import of images, the comparison of replicas.
@NullMarked
package weft.ops.pool;

import org.jspecify.annotations.NullMarked;
