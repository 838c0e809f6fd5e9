package weft.ops.pool;

import weft.fabric.Attachment;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What the processes that hold the volumes of a [ConsistentCut] are asked to switch.
final class CutQuestions {
    /// What is left to ask.
    final Map<Attachment.Process, List<CutPart>> left = new LinkedHashMap<>();

    final Map<Attachment.Process, List<CutPart>> switched = new LinkedHashMap<>();

    /// Whether each that switched something said that it was alone before.
    boolean alone = true;
}
