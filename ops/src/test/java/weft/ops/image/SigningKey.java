package weft.ops.image;

import org.bouncycastle.bcpg.ArmoredOutputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyPacket;
import org.bouncycastle.crypto.generators.RSAKeyPairGenerator;
import org.bouncycastle.crypto.params.RSAKeyGenerationParameters;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPPublicKeyRing;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureGenerator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentSignerBuilder;
import org.bouncycastle.openpgp.operator.bc.BcPGPKeyPair;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Date;
import java.util.List;

/// An archive's key, made for one test.
final class SigningKey {
    private final BcPGPKeyPair pair;

    SigningKey() throws PGPException {
        var generator = new RSAKeyPairGenerator();
        generator.init(
                new RSAKeyGenerationParameters(
                        BigInteger.valueOf(65_537), new SecureRandom(), 2048, 80));
        pair =
                new BcPGPKeyPair(
                        PublicKeyPacket.VERSION_4,
                        PublicKeyAlgorithmTags.RSA_GENERAL,
                        generator.generateKeyPair(),
                        new Date(1_700_000_000_000L));
    }

    /// Writes the keyring that holds this key only.
    Path keyring(Path folder) throws IOException {
        PGPPublicKey key = pair.getPublicKey();
        return Files.write(
                folder.resolve("keyring.gpg"), new PGPPublicKeyRing(List.of(key)).getEncoded());
    }

    byte[] clearSigned(String text) throws IOException {
        return clearSigned(text, HashAlgorithmTags.SHA256);
    }

    byte[] clearSigned(String text, int hash) throws IOException {
        try {
            var generator =
                    new PGPSignatureGenerator(
                            new BcPGPContentSignerBuilder(PublicKeyAlgorithmTags.RSA_GENERAL, hash),
                            pair.getPublicKey());
            generator.init(PGPSignature.CANONICAL_TEXT_DOCUMENT, pair.getPrivateKey());
            String canonical = String.join("\r\n", text.lines().toList());
            generator.update(canonical.getBytes(StandardCharsets.UTF_8));
            var armoured = new ByteArrayOutputStream();
            try (var out = ArmoredOutputStream.builder().clearHeaders().build(armoured)) {
                generator.generate().encode(out);
            }
            String signed =
                    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
                            + text
                            + armoured.toString(StandardCharsets.US_ASCII);
            return signed.getBytes(StandardCharsets.UTF_8);
        } catch (PGPException e) {
            throw new IOException(e);
        }
    }
}
