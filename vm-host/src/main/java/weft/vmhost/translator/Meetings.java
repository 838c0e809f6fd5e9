package weft.vmhost.translator;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.attribute.StackMapFrameInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.SimpleVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.VerificationTypeInfo;
import java.lang.classfile.attribute.StackMapTableAttribute;
import java.util.ArrayList;
import java.util.List;

/// The places of a method where control flow meets, for the verifier. As every local keeps its type
/// throughout, a frame says nothing but what lies on the stack; writing them down is much faster
/// than having the class-file library find them out.
final class Meetings {
    private final List<VerificationTypeInfo> locals;
    private final List<StackMapFrameInfo> frames = new ArrayList<>();

    Meetings(List<VerificationTypeInfo> locals) {
        this.locals = locals;
    }

    /// Binds the label here; the stack is empty.
    void at(CodeBuilder code, Label label) {
        bind(code, label, locals, List.of());
    }

    /// Binds the label here; a long lies on the stack.
    void withLongAt(CodeBuilder code, Label label) {
        bind(code, label, locals, List.of(SimpleVerificationTypeInfo.LONG));
    }

    /// Binds the label here; only these locals have values.
    void beforeLocalsAt(CodeBuilder code, Label label, List<VerificationTypeInfo> fewer) {
        bind(code, label, fewer, List.of());
    }

    private void bind(
            CodeBuilder code,
            Label label,
            List<VerificationTypeInfo> types,
            List<VerificationTypeInfo> stack) {
        code.labelBinding(label);
        frames.add(StackMapFrameInfo.of(label, types, stack));
    }

    /// To be called when all is written.
    void declare(CodeBuilder code) {
        code.with(StackMapTableAttribute.of(frames));
    }
}
