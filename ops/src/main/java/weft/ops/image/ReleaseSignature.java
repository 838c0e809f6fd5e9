package weft.ops.image;

import org.bouncycastle.bcpg.ArmoredInputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPPublicKeyRingCollection;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureList;
import org.bouncycastle.openpgp.PGPUtil;
import org.bouncycastle.openpgp.bc.BcPGPObjectFactory;
import org.bouncycastle.openpgp.operator.bc.BcKeyFingerprintCalculator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentVerifierBuilderProvider;
import org.jspecify.annotations.Nullable;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Reads a text with a cleartext signature (RFC 9580, section 7) and answers the text only: exactly
/// the lines that were signed. At least one signature must be by a key of the keyring that was
/// valid when it signed, with a hash of the SHA-2 family; a bad one by such a key refuses the text.
final class ReleaseSignature {
    private static final String BEGIN_TEXT = "-----BEGIN PGP SIGNED MESSAGE-----";
    private static final String BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
    private static final String END_SIGNATURE = "-----END PGP SIGNATURE-----";
    private static final Set<Integer> STRONG_HASHES =
            Set.of(HashAlgorithmTags.SHA256, HashAlgorithmTags.SHA384, HashAlgorithmTags.SHA512);
    private static final long KEYRING_BYTES_MAX = 16 << 20;

    /// The two halves of a signed text.
    private record SignedText(List<String> lines, String signature) {}

    private ReleaseSignature() {}

    /// The signed text.
    ///
    /// @param what names the text in errors
    /// @throws IOException if no key of the keyring vouches for it
    static String verify(byte[] signed, Path keyring, String what) throws IOException {
        SignedText text = split(signed, what);
        PGPPublicKeyRingCollection keys = read(keyring);
        byte[] canonical = String.join("\r\n", text.lines()).getBytes(StandardCharsets.UTF_8);
        int good = 0;
        try {
            for (PGPSignature signature : signatures(text.signature(), what)) {
                PGPPublicKey key = keyOf(keys, signature);
                if (key == null || !isUsable(key, signature)) {
                    continue;
                }
                signature.init(new BcPGPContentVerifierBuilderProvider(), key);
                signature.update(canonical);
                if (!signature.verify()) {
                    throw new IOException(
                            "the signature of %s by key %016X is bad: the file was changed on its way; try another --mirror"
                                    .formatted(what, key.getKeyID()));
                }
                good++;
            }
        } catch (PGPException | RuntimeException e) {
            throw new IOException(
                    "the signature of %s cannot be checked: %s".formatted(what, e.getMessage()), e);
        }
        if (good == 0) {
            throw new IOException(
                    "%s is not signed by any key of %s: is the keyring current (package debian-archive-keyring)?"
                            .formatted(what, keyring));
        }
        return String.join("\n", text.lines()) + "\n";
    }

    /// The text between the armour lines, unverified.
    static String unverified(byte[] signed, String what) throws IOException {
        return String.join("\n", split(signed, what).lines()) + "\n";
    }

    private static SignedText split(byte[] signed, String what) throws IOException {
        List<String> all = new String(signed, StandardCharsets.UTF_8).lines().toList();
        int begin = all.indexOf(BEGIN_TEXT);
        int signature = all.indexOf(BEGIN_SIGNATURE);
        int end = all.indexOf(END_SIGNATURE);
        // Nothing may stand outside the armour: it would look as if it had been signed.
        if (begin != 0 || signature < 0 || end < signature || !areBlank(all, end + 1)) {
            throw new IOException(
                    what + " is not a clear-signed Release file: is --mirror a Debian mirror?");
        }
        int first = begin + 1;
        while (first < signature && !all.get(first).isBlank()) {
            first++;
        }
        var lines = new ArrayList<String>();
        for (String line : all.subList(Math.min(first + 1, signature), signature)) {
            String unescaped = line.startsWith("- ") ? line.substring(2) : line;
            lines.add(unescaped.replaceFirst("[ \\t\\r]+$", ""));
        }
        return new SignedText(lines, String.join("\n", all.subList(signature, end + 1)) + "\n");
    }

    private static boolean areBlank(List<String> lines, int from) {
        return lines.subList(from, lines.size()).stream().allMatch(String::isBlank);
    }

    private static List<PGPSignature> signatures(String armoured, String what) throws IOException {
        var in =
                new ArmoredInputStream(
                        new ByteArrayInputStream(armoured.getBytes(StandardCharsets.UTF_8)));
        if (!(nextObject(new BcPGPObjectFactory(in)) instanceof PGPSignatureList list)) {
            throw new IOException(what + " carries no signature");
        }
        var signatures = new ArrayList<PGPSignature>();
        list.forEach(signatures::add);
        return signatures;
    }

    private static @Nullable Object nextObject(BcPGPObjectFactory factory) throws IOException {
        return factory.nextObject();
    }

    private static @Nullable PGPPublicKey keyOf(
            PGPPublicKeyRingCollection keys, PGPSignature signature) {
        return keys.getPublicKey(signature.getKeyID());
    }

    private static boolean isUsable(PGPPublicKey key, PGPSignature signature) {
        long signedSeconds = signature.getCreationTime().getTime() / 1000;
        long madeSeconds = key.getCreationTime().getTime() / 1000;
        long validSeconds = key.getValidSeconds();
        return STRONG_HASHES.contains(signature.getHashAlgorithm())
                && signature.getSignatureType() == PGPSignature.CANONICAL_TEXT_DOCUMENT
                && !key.hasRevocation()
                && signedSeconds >= madeSeconds
                && (validSeconds == 0 || signedSeconds <= madeSeconds + validSeconds);
    }

    private static PGPPublicKeyRingCollection read(Path keyring) throws IOException {
        if (Files.size(keyring) > KEYRING_BYTES_MAX) {
            throw new IOException(keyring + " is too large for a keyring");
        }
        try (InputStream in = PGPUtil.getDecoderStream(Files.newInputStream(keyring))) {
            return new PGPPublicKeyRingCollection(in, new BcKeyFingerprintCalculator());
        } catch (PGPException | RuntimeException e) {
            throw new IOException(
                    "%s is not an OpenPGP keyring: %s".formatted(keyring, e.getMessage()), e);
        }
    }
}
