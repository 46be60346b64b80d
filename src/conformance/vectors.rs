//! Known answers: something for every algorithm, with keys of every family.
//!
//! From RFC 7520 (sections 3.4, 4.1, 4.2, 4.4), RFC 6979 (appendix A.2), RFC 3394 (section
//! 4), RFC 5649 (section 6), SP 800-38A (appendix F.2) and the GCM specification (McGrew
//! and Viega, test cases 4, 10 and 16). What no document has a value for with these keys
//! (RS384, RS512, PS256, PS512, HS384, HS512, RSA encryption, padded CBC, secp256k1) was
//! computed with OpenSSL; the keys of HS384 and HS512 are the first 48 and all 64 octets
//! of the one in RFC 7515 appendix A.1.
//! Messages are text; other octets are in hexadecimal.

use super::keys::{Known, RSA_2048};
use crate::alg::{Curve, EncryptAlg, SignAlg, WrapAlg};

/// A signature that verifies; where `fixed`, the only one that the key makes.
pub(super) struct KnownSignature {
    pub(super) alg: SignAlg,
    pub(super) key: Known,
    pub(super) message: &'static str,
    pub(super) signature: &'static str,
    pub(super) fixed: bool,
}

/// A wrapped key; where `fixed`, the only wrapping.
pub(super) struct KnownWrapping {
    pub(super) alg: WrapAlg,
    pub(super) key: Known,
    pub(super) material: &'static str,
    pub(super) wrapped: &'static str,
    pub(super) fixed: bool,
}

/// A ciphertext. Empty `iv`, `tag` and `aad` mean none; with CBC it is the only one for
/// its plaintext and IV.
pub(super) struct KnownCiphertext {
    pub(super) alg: EncryptAlg,
    pub(super) key: Known,
    pub(super) plaintext: &'static str,
    pub(super) ciphertext: &'static str,
    pub(super) iv: &'static str,
    pub(super) tag: &'static str,
    pub(super) aad: &'static str,
}

pub(super) const SIGNATURES: &[KnownSignature] = &[
    // RFC 7520 section 4.1.
    KnownSignature {
        alg: SignAlg::Rs256,
        key: Known::Rsa(RSA_2048),
        message: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIG\
         EgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250b\
         yB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dp\
         bmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
        signature: "3118dd925cbbffea133d34b70173f8d6240818a6bcd00d19993b95e4c11a1e8c675b67b9099e4d94ab5\
         a8a7a0598a668a5d1ccd4ed94e26c3325d431f7dea2be9f37c6e825208ecf3438bce309c1f810e4a01c\
         00efcd7ce615fe12ce092309832c92b795f5916be5ed2f446796db98bfbe3a8984e1fea1d10faf0136d\
         d6e48d0ab5024c90ede5a004eb1f305b52adf5e468e103e871269d9c75c5c67b7c22cf54ce911157478\
         f3d074bb96dc84bf75edf1c88ac368b19d8e5b8fc540216fa2f669789cd54d76a6874653428b510484f\
         e823e66798a277178b8e6439dde9065626eb21678d40c5ffdf7087bcbbd8a91fce28828ade7bbbe36d4\
         e72d7c903aae0e",
        fixed: true,
    },
    KnownSignature {
        alg: SignAlg::Rs384,
        key: Known::Rsa(RSA_2048),
        message: "sample",
        signature: "16d08fdcbefa20970d51c84c4dd2f3226b6c10dc618632ac285db21526dc3d9eb9417daa0de28322996\
         e9a7f61cb270195d7ddd57e1a3c564c118ffbd079b464d503825d3a0148d1527150ad57f69458df9ab9\
         c0402cfb07f7a59a764f1338c77e5e3297ccd910e2f37c0e810bd6086ed028e65ff2f23c36d064b9ea1\
         3c3efda284f87008c648d192f602ebd5a735995746c2ca53a6a6fa8bee90fc038f090011d17ce850e4d\
         3dca5e9325ac73da2d353be83dc97836c4d843cdf14cdf6cde5a7149756e1294220ff73aa24cd5e3856\
         1b9b46fea7a652766763773a850e2065024be108938b7417db51b46640c4ac87ccf614d4d779ea4705c\
         157d8fde560f2a",
        fixed: true,
    },
    KnownSignature {
        alg: SignAlg::Rs512,
        key: Known::Rsa(RSA_2048),
        message: "sample",
        signature: "731cb5a3a58891dbd31d11f9122ed4761202bff97294b2104dcbfbf51292770d35f31190d54d8c91833\
         27de229e4c28abcdba08dfc66aff1f5ce5e08bac646d1b3c2ea8d6e037a8712b8f327dae29a7d90f78a\
         aaa31b9f8f330ec1c1369bff835645a4e90252bd99f132f7856abda931e7c1c900e10629d47a00b5947\
         5abc78b0ba6f0deeb4fcd1c3768b88c3a8c21619039317f7f0706b3ac2053e8971778cbb89531794043\
         fa9a04c70147b6c3c5d44238d92f8f638f537c10abdba3d41d48556537e254a4ccbec123152d4d6eb7c\
         ac10c56851a5c67158b859a666667c84b873fab0bf551475e6ccbdb46d11512578e96fadca24758e135\
         389fa3cb7ee4ee",
        fixed: true,
    },
    KnownSignature {
        alg: SignAlg::Ps256,
        key: Known::Rsa(RSA_2048),
        message: "sample",
        signature: "316a55b81ecfd3e10adac0d5fda4a2adb293cc3416d8651cc6db824ad7d21ce72f7a3cc8d4b6807bc42\
         0eaaa53a47cec001b3e2bbb69ab74e550fc66446de9f743bd213938f61eb5d72bf3e9c8b035dace2bfe\
         cdb16e1342d193a998e290c555c22a24eeb5028e54226940f66614db7eb3b65bab61eb201248ceb50da\
         8924ad78049524b8e44304087385f43abaf1003f3bd1d7035d30edfe862edc33c9233c7d51c72bb2926\
         3f57a96c21c653cd9fa5a736a505fd3018444bc92200c5acf5f720a3d60c8c631d78723940a930f1d46\
         cb777079eda03db0e4d3a1e50edeaf126c2c05900666c562c864b76a070005f8d58d3d895143943e69e\
         9170c72bfddb2a",
        fixed: false,
    },
    // RFC 7520 section 4.2.
    KnownSignature {
        alg: SignAlg::Ps384,
        key: Known::Rsa(RSA_2048),
        message: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIG\
         EgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250b\
         yB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dp\
         bmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
        signature: "72edb6781aa46032a02254e9cc35c6bda15fcfa586a33edf50371f4f49243b2e369a2021daac81ce4d7\
         112c9e4d88a4debeb4f89de95ae494792ab06a83a8709d3fa3bc4d30797430c8b65955a3aff538b3e97\
         1b52b8625123316db5d4bddbd65f383e503f1b8a245e40595fcf6f3319656c76234051ff199f23c4815\
         167e38d9974daa254946606aad84577bc3ff8a343ba7c55dcf44d3af151e4f7966f1df6c867af695f25\
         3f089948ef000d977b3d8c969f1c044e5ac03cd3d2a2349faba23f568237fdbf8cb01e41396a447b5f6\
         bae1041252614002354a3db0728bbc61a34b9339c6c7e75d1ae8662625401f9968f067aa03e227caa3c\
         0d833e5fbd846b",
        fixed: false,
    },
    KnownSignature {
        alg: SignAlg::Ps512,
        key: Known::Rsa(RSA_2048),
        message: "sample",
        signature: "94f84838ef2aa2cd1e85f72223455d5026f5e1094254855704c12a2b19ffa985ef054e95fce957aa04a\
         646a01692ed0c9d2cb35d28bb35331f5f1c49e8ab7632d1067ff635cce9de6c1bcd0ca31d6c07018c90\
         f8a04878c4f839b29b604fd946efcd99a211ee50d0da6599b07dc8c126017348763f9fce1140a004439\
         5f721fcda416a5ff21353122153627750e096cad0ca2ba982453702ec4bab162891498324dfa6c6c98e\
         add65f8622b2ad8772addc6d6f4de149c063fe82eb979a1cc8ff426430110ae95591ddd842bc3455c4f\
         910a0fc7ea4f3c37c63b217bcac988408974c672751871c7e4d1b67688426ad35001945c294b60b9ecd\
         c0e56a91d1812c",
        fixed: false,
    },
    // RFC 6979 appendix A.2.5.
    KnownSignature {
        alg: SignAlg::Es256,
        key: Known::Ec(
            Curve::P256,
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        ),
        message: "sample",
        signature: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d43\
         6c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        fixed: false,
    },
    // RFC 6979 appendix A.2.6.
    KnownSignature {
        alg: SignAlg::Es384,
        key: Known::Ec(
            Curve::P384,
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f87\
         2c9ea60d2edf5",
        ),
        message: "sample",
        signature: "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e3\
         6dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c1\
         45786e679e7b82c71a38628ac8",
        fixed: false,
    },
    // RFC 6979 appendix A.2.7.
    KnownSignature {
        alg: SignAlg::Es512,
        key: Known::Ec(
            Curve::P521,
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c708\
         55836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
        ),
        message: "sample",
        signature: "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d45\
         0606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d\
         6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997\
         f1ee0e44da4a67a",
        fixed: false,
    },
    KnownSignature {
        alg: SignAlg::Es256K,
        key: Known::Ec(
            Curve::P256K,
            "f6437598ea3ad6dc811ab205e856b69fb466819b2104b046a83d5b0eb19151f9",
        ),
        message: "sample",
        signature: "d98072d5526b2c78b10d06e30f67ec91fa3018a3d420a642ab0e672a8e80da9cc0131ce0997db1e2409\
         ca49eaf513a2109c9dac5134de05ec84c7034eeba13b9",
        fixed: false,
    },
    // RFC 7520 section 4.4.
    KnownSignature {
        alg: SignAlg::Hs256,
        key: Known::Hmac("849b57219dae48de646d07dbb533566e976686457c1491be3a76dcea6c427188"),
        message: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SX\
         TigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0Z\
         XAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5v\
         IGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
        signature: "b3487a29387391f0410642eca56d61f3856c259153b0f3ea30303b83531dee9d",
        fixed: true,
    },
    KnownSignature {
        alg: SignAlg::Hs384,
        key: Known::Hmac(
            "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebfd3fb5a92d20647ef968\
         ab4c377623d22",
        ),
        message: "sample",
        signature: "97b0c145065d881e5e740153b65a47c52b0b9419ea9c58c60dc127506808b753fb867067e63a1d29c79\
         a5ae6c6367406",
        fixed: true,
    },
    KnownSignature {
        alg: SignAlg::Hs512,
        key: Known::Hmac(
            "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebfd3fb5a92d20647ef968\
         ab4c377623d223d2e2172052e4f08c0cd9af567d080a3",
        ),
        message: "sample",
        signature: "f63c1dec00b5d5c06f41606a5445c8cd9d0f9b039910a89d36c35c79b5a204249639b22b1d480d07c27\
         b80b4d328f1af76a8e6e5e89fe5f3b8c103bbd1978e07",
        fixed: true,
    },
];

pub(super) const WRAPPINGS: &[KnownWrapping] = &[
    KnownWrapping {
        alg: WrapAlg::RsaOaep256,
        key: Known::Rsa(RSA_2048),
        material: "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
        wrapped: "14b235e15e69913078dd0541325da916d706839b3b6da7bede4a65a87291c2775f16075defb26b377de\
         1ee8ece0d1c6d04d98b59438272181adfd4785f57ee17a80f61cff8a9d3ca0f7717164cc085267d1926\
         b7387797489dbcb1a20a94b1d415d6b288038aa61442a37dc9c585e1a691411fd946a100618edd57adc\
         aa6573f7d1dbd82dc70570171cd92bbd5303369ad582a64ceb8a8baee95b2aa051b464cf886b40d1d8d\
         a20d7ab51addc826fa2a76d0d6240e53ccc11d3398160c9dc7feaad1b008a7b6151040079c22aea2201\
         85f341af46557a62f46a937a07319136c4204583d64eb8177d21f08ea454fe8f325e4f60abea14cdab9\
         3250401d8bbb47",
        fixed: false,
    },
    KnownWrapping {
        alg: WrapAlg::RsaOaep,
        key: Known::Rsa(RSA_2048),
        material: "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
        wrapped: "30289f3d6a134525c6d46f0e98a3023b8388e282a7666bd4984a73cfde7109be412bf3b3b99b69deb90\
         3a0abebb2daf03875a31a5484ca827dddaa3f83eb14ffcc8164837ac332bc730e5ecd0b730289b6c522\
         e681f137bc2fc2335dbe085bac79e057d9629532f58d3447cd03b3b183f27453fac568b077dfbdb34d8\
         db771b4df22a0584fe74a33227cae3d1778e7248447e8bd8bb55adfe172269a39e12189f90caf3c07d1\
         8bdaf472ca08b2a1c52bcf9952a5b234a0e152b55650fea88d3b9ccca0f054eef3bdbbb057e04264ab4\
         d0b4bba442f1c63fef9ddcd9ae31a8113e782a33a3ba9890a4f4828acb5f2b6350fb99595e4fadd7d03\
         02326e971bc888",
        fixed: false,
    },
    KnownWrapping {
        alg: WrapAlg::Rsa15,
        key: Known::Rsa(RSA_2048),
        material: "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
        wrapped: "4e7adcd03fb46d4a621b8cec3f737095259ac9f6e31023604e2aa94494c20dae0f598c2200fb1138865\
         308ee042cea0f1b1e58ec8984680f49e81d29bd3fa21f90c1d281de1cf13a8eca436a3c16a814883219\
         073d55b23a850b61a97bc1c3ffa9d7115f832f84c398d97cf5b675b848aa1e09a6bca403387416e27fa\
         618dea6d8f80946da41997a58b4b9c464d227c6a8e75103f5162fce40d1a3eefd3b84d8b51873fae3eb\
         33750f2550a385a8b27bbd25253d33c55155e6ed424114774dec1c2265c824eaf367a252b4074edb272\
         bed6a517c8294ee7d0bb62003fa236fb91f04e38041ac9966439b5cd78f0309322ce04405e3bbc9ebb6\
         5c31b6e26e6334",
        fixed: false,
    },
    // RFC 3394 section 4.1.
    KnownWrapping {
        alg: WrapAlg::A128Kw,
        key: Known::Aes("000102030405060708090a0b0c0d0e0f"),
        material: "00112233445566778899aabbccddeeff",
        wrapped: "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
        fixed: true,
    },
    // RFC 3394 section 4.2.
    KnownWrapping {
        alg: WrapAlg::A192Kw,
        key: Known::Aes("000102030405060708090a0b0c0d0e0f1011121314151617"),
        material: "00112233445566778899aabbccddeeff",
        wrapped: "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d",
        fixed: true,
    },
    // RFC 3394 section 4.3.
    KnownWrapping {
        alg: WrapAlg::A256Kw,
        key: Known::Aes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        material: "00112233445566778899aabbccddeeff",
        wrapped: "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7",
        fixed: true,
    },
    // RFC 3394 section 4.6.
    KnownWrapping {
        alg: WrapAlg::CkmAesKeyWrap,
        key: Known::Aes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        material: "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
        wrapped: "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        fixed: true,
    },
    // RFC 5649 section 6, 20 octets.
    KnownWrapping {
        alg: WrapAlg::CkmAesKeyWrapPad,
        key: Known::Aes("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"),
        material: "c37b7e6492584340bed12207808941155068f738",
        wrapped: "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        fixed: true,
    },
    // RFC 5649 section 6, 7 octets.
    KnownWrapping {
        alg: WrapAlg::CkmAesKeyWrapPad,
        key: Known::Aes("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"),
        material: "466f7250617369",
        wrapped: "afbeb0f07dfbf5419200f2ccb50bb24f",
        fixed: true,
    },
];

pub(super) const CIPHERTEXTS: &[KnownCiphertext] = &[
    KnownCiphertext {
        alg: EncryptAlg::RsaOaep256,
        key: Known::Rsa(RSA_2048),
        plaintext: "61747461636b206174206461776e",
        ciphertext: "2515e54a5c6b1ddbbcc657d0245c37d71fedf42fd1116d1805df40d2be34da25274626adccf49abef39\
         294ce462a798d32a85ba53e904eefd1bccec0bb144334bd1a37a5f4c245de9f0d08034138ed604670ae\
         15ac5e3f1c46006249ae4b1e1f32563c0edd08a615576db701408b07d9497298e152a9b20d128b17c05\
         929e4e35a09cd6d3e95fa6959793c116a11d4a4f597bd47e84aa8fe43c8c9e630e9c970f81e90111edd\
         8675333a0851cac403cdee800e147624cbabec8e95b23be9aae6dae4f783fba469492d0df10ce735340\
         65ee49cf78cd63b6d149cc8809bffc25a72880188dc672220019f8b09db9bef01b394e000611efc6a5d\
         55ecdb27b89533",
        iv: "",
        tag: "",
        aad: "",
    },
    KnownCiphertext {
        alg: EncryptAlg::RsaOaep,
        key: Known::Rsa(RSA_2048),
        plaintext: "61747461636b206174206461776e",
        ciphertext: "4c2bdc3cd9c8f04736b0d913b617e96c20d152794291a800f0ef5dc25feeda2f1dca80774432a528739\
         a2d79413c5973ec2fc4ace90647efca1ec145938ecf34e40c1e35a419ad0656f10cd55395275655f0e4\
         143d0d4819de574db6dab3da1aceb470b000bb6f98862f61e964ba448531fb1e524f5e826d9d66ef8cc\
         99f661d2c59cfd731a8f285ed26a471695f1e153bdad2774fcb33c9c11130bc64d8fba21e7afc1a391a\
         aac97227b63b0da4813b5502817b7e0615d5553c01011ab1057c299a20b23e2f6a1d7d7aaa9af6cbccb\
         37db74ef3a5b3f9fb663651af8ead1842fc2976b31349671471289f71f75e836eb9c27c09994f9eb523\
         d99a17940dff8a",
        iv: "",
        tag: "",
        aad: "",
    },
    KnownCiphertext {
        alg: EncryptAlg::Rsa15,
        key: Known::Rsa(RSA_2048),
        plaintext: "61747461636b206174206461776e",
        ciphertext: "538e4e9b55a85179d1df2505b4712e24716defb51659281449f6a03dc9fe090863ce1f6d461976c86a0\
         3393a40912ad9fa3c67926cef50fff7018fc469437774e16a9e9925f70ee8a2fd906791c9e84d296fc9\
         e47eba385866817a384953b388f61ef6f311119627190078caafb660d6c2b4772411c5385f41fd1799a\
         36cc792cca2a834529769f1de9b5753846d22da145a4a17ca8b5666b279630a5f47dac7d62d22b09965\
         1387cc4c0b97f7636e8faa4c0b9e884807055c5b4b0ab5aa4890de6de1f47de87f676497c4f98184728\
         4e722c5520659e8e9ae929c972b42bd6f671f56659bb44bb9a9af5192ea2df6f48db39923649a3cb837\
         3919d11223b129",
        iv: "",
        tag: "",
        aad: "",
    },
    // The GCM specification, test case 4.
    KnownCiphertext {
        alg: EncryptAlg::A128Gcm,
        key: Known::Aes("feffe9928665731c6d6a8f9467308308"),
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fc\
         f0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8\
         f6a5aac84aa051ba30b396a0aac973d58e091",
        iv: "cafebabefacedbaddecaf888",
        tag: "5bc94fbc3221a5db94fae95ae7121a47",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    },
    // The GCM specification, test case 10.
    KnownCiphertext {
        alg: EncryptAlg::A192Gcm,
        key: Known::Aes("feffe9928665731c6d6a8f9467308308feffe9928665731c"),
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fc\
         f0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac6\
         19d18c84a3f4718e2448b2fe324d9ccda2710",
        iv: "cafebabefacedbaddecaf888",
        tag: "2519498e80f1478f37ba55bd6d27618c",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    },
    // The GCM specification, test case 16.
    KnownCiphertext {
        alg: EncryptAlg::A256Gcm,
        key: Known::Aes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fc\
         f0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b\
         08b1056828838c5f61e6393ba7a0abcc9f662",
        iv: "cafebabefacedbaddecaf888",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    },
    // SP 800-38A appendix F.2.1.
    KnownCiphertext {
        alg: EncryptAlg::A128Cbc,
        key: Known::Aes("2b7e151628aed2a6abf7158809cf4f3c"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b711\
         6e69e222295163ff1caa1681fac09120eca307586e1a7",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
    // The same with a block of padding.
    KnownCiphertext {
        alg: EncryptAlg::A128CbcPad,
        key: Known::Aes("2b7e151628aed2a6abf7158809cf4f3c"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b711\
         6e69e222295163ff1caa1681fac09120eca307586e1a78cb82807230e1321d3fae00d18cc2012",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
    // SP 800-38A appendix F.2.3.
    KnownCiphertext {
        alg: EncryptAlg::A192Cbc,
        key: Known::Aes("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa\
         9baac3df102e008b0e27988598881d920a9e64f5615cd",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
    // The same with a block of padding.
    KnownCiphertext {
        alg: EncryptAlg::A192CbcPad,
        key: Known::Aes("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa\
         9baac3df102e008b0e27988598881d920a9e64f5615cd612ccd79224b350935d45dd6a98f8176",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
    // SP 800-38A appendix F.2.5.
    KnownCiphertext {
        alg: EncryptAlg::A256Cbc,
        key: Known::Aes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa53\
         0e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
    // The same with a block of padding.
    KnownCiphertext {
        alg: EncryptAlg::A256CbcPad,
        key: Known::Aes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        plaintext: "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5f\
         bc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ciphertext: "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa53\
         0e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b3f461796d6b0d6b2e0c2a72b4d80e644",
        iv: "000102030405060708090a0b0c0d0e0f",
        tag: "",
        aad: "",
    },
];
