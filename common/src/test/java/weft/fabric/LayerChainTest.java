package weft.fabric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.util.List;

class LayerChainTest {
    private static final VolumeId BASE = new VolumeId(1);
    private static final VolumeId MIDDLE = new VolumeId(2);
    private static final VolumeId TOP = MIDDLE.nextGeneration();
    private static final long GIB = 1L << 30;

    @Test
    void aLayerIsSeenUpToItsEndAndTheTopEverywhere() {
        LayerChain chain =
                LayerChain.of(List.of(BASE))
                        .endingAt(GIB)
                        .below(MIDDLE)
                        .endingAt(2 * GIB)
                        .below(TOP);

        assertEquals(List.of(TOP, MIDDLE, BASE), chain.at(0));
        assertEquals(List.of(TOP, MIDDLE, BASE), chain.at(GIB - 1));
        assertEquals(List.of(TOP, MIDDLE), chain.at(GIB));
        assertEquals(List.of(TOP), chain.at(2 * GIB));
        assertEquals(GIB, chain.sameUntil(0));
        assertEquals(2 * GIB, chain.sameUntil(GIB));
        assertEquals(LayerChain.NO_END, chain.sameUntil(2 * GIB));
    }

    @Test
    void endsOnlyDrawIn() {
        LayerChain chain = LayerChain.of(List.of(TOP, BASE)).endingAt(GIB).endingAt(2 * GIB);
        assertEquals(List.of(GIB, GIB), chain.ends());
    }

    @Test
    void aMergedLayerIsSeenAsFarAsTheUpperOneWas() {
        LayerChain chain = LayerChain.of(List.of(BASE)).endingAt(GIB).below(MIDDLE).below(TOP);
        LayerChain merged = chain.merged(MIDDLE);
        assertEquals(LayerChain.of(List.of(TOP, BASE)), merged);
        assertEquals(merged, merged.merged(MIDDLE));
    }

    @Test
    void aChainIsCutAboveAndBelowALayer() {
        LayerChain chain = LayerChain.of(List.of(BASE)).endingAt(GIB).below(MIDDLE).below(TOP);
        assertEquals(LayerChain.of(List.of(TOP, MIDDLE)), chain.downTo(MIDDLE));
        assertEquals(LayerChain.of(List.of(BASE)).endingAt(GIB), chain.under(MIDDLE));
    }

    @Test
    void endsAreOfAllLayersAndOfWholeBlocks() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new LayerChain(List.of(TOP, BASE), List.of(GIB)));
        assertThrows(
                IllegalArgumentException.class,
                () -> new LayerChain(List.of(TOP), List.of(GIB + 1)));
        assertThrows(IllegalArgumentException.class, () -> LayerChain.of(List.of()));
    }

    @Test
    void aVolumeKeepsItsEndsInItsRecord() throws Exception {
        var before = new Volume(BASE, "disk", GIB, Volume.Access.READ_WRITE, List.of(BASE), BASE);
        LayerChain chain = before.chain().endingAt(4096).below(BASE.nextGeneration());
        Volume shrunk = before.withSizeBytes(4096).withChain(chain).withTrimFrom(4096);
        assertEquals(shrunk, FabricJson.read(FabricJson.write(shrunk), Volume.class));
        assertEquals(before, FabricJson.read(FabricJson.write(before), Volume.class));
        assertEquals(GIB, shrunk.extentBytes());
        assertThrows(
                IllegalArgumentException.class,
                () -> before.withChain(before.chain().endingAt(4096)));
    }
}
