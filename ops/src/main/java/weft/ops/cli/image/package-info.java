/// `weft image …`: images that VMs boot from.
@NullMarked
package weft.ops.cli.image;

import org.jspecify.annotations.NullMarked;
