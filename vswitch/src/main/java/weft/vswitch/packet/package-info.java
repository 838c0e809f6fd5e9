/// Bytes as the RFCs draw them: views that read and write fields of frames and judge nothing. No
/// state, no policy; what a frame may do is decided in `pipeline`.
@NullMarked
package weft.vswitch.packet;

import org.jspecify.annotations.NullMarked;
