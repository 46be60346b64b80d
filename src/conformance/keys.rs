//! Keys to import: one RSA key of each size, and others by their value.

use crate::alg::{Curve, KeySpec, OpSet};
use crate::error::Error;
use crate::jwk::SecretJwk;

/// A key to import.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// A JWK of an RSA key.
    Rsa(&'static str),
    /// A curve and a scalar, in hexadecimal.
    Ec(Curve, &'static str),
    /// A symmetric key to encrypt and wrap with, in hexadecimal.
    Aes(&'static str),
    /// A symmetric key for MACs alone, in hexadecimal.
    Hmac(&'static str),
}

impl Known {
    pub(super) fn jwk(self) -> Result<SecretJwk, Error> {
        match self {
            Known::Rsa(json) => SecretJwk::from_json(json.as_bytes()),
            Known::Ec(curve, scalar) => SecretJwk::from_ec_scalar(curve, &octets(scalar)),
            Known::Aes(k) => symmetric(&octets(k), OpSet::SIX_VERBS),
            Known::Hmac(k) => symmetric(&octets(k), OpSet::SIGN_VERIFY),
        }
    }
}

/// A symmetric JWK whose `key_ops` tell what it is for.
pub(super) fn symmetric(k: &[u8], ops: OpSet) -> Result<SecretJwk, Error> {
    let mut jwk = SecretJwk::from_oct(k)?;
    jwk.meta_mut().set_key_ops(Some(ops));
    Ok(jwk)
}

/// The RSA key of this size.
pub(super) fn rsa(spec: KeySpec) -> Option<Known> {
    match spec {
        KeySpec::Rsa { bits: 2048 } => Some(Known::Rsa(RSA_2048)),
        KeySpec::Rsa { bits: 3072 } => Some(Known::Rsa(RSA_3072)),
        KeySpec::Rsa { bits: 4096 } => Some(Known::Rsa(RSA_4096)),
        _ => None,
    }
}

/// From hexadecimal.
pub(super) fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.chars().map(|digit| digit.to_digit(16).unwrap_or(0));
    let digits: Vec<u8> = digits
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// RFC 7520 section 3.4.
pub(super) const RSA_2048: &str = "{\"kty\":\"RSA\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvN\
    d7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-\
    oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-t\
    VTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"A\
    QAB\",\"d\":\"bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A\
    1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu\
    2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfG\
    CshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOpBrQzwQ\",\"p\":\"3Slxg_DwT\
    XJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuI\
    Amr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k\",\"q\":\"uKE2dh-cTf6ERF4\
    k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW\
    7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc\",\"dp\":\"B8PVvXkvJrj2L-GYQ7v3\
    y9r6Kw5g9SahXBwsWUzp19TVlgI-YV85q1NIb1rxQtD-IsXXR3-TanevuRPRt5OBOdiMGQp8pbt26gljYfKU_E9xn-RU\
    LHz0-ed9E9gXLKD4VGngpz-PfQ_q29pk5xWHoJp009Qf1HvChixRX59ehik\",\"dq\":\"CLDmDGduhylc9o7r84rEUVn7p\
    zQ6PF83Y-iBZx5NT-TpnOZKF1pErAMVeKzFEl41DlHHqqBLSM0W1sOFbwTxYWZDm6sI6og5iTbwQGIC3gnJKbi_7k_vJ\
    gGHwHxgPaX2PnvP-zyEkDERuf-ry4c_Z11Cq9AqC2yeL6kdKT1cYF8\",\"qi\":\"3PiqvXQN0zwMeE-sBvZgi289XP9XCQ\
    F3VWqPzMKnIgQp7_Tugo6-NZBKCQsMf3HaEGBjTVJs_jcK8-TRXvaKe-7ZMaQj8VfBdYkssbu0NKDDhjJ-GtiseaDVWt\
    7dcH0cfwxgFUHpQh7FoCrjFJ6h6ZEpMF6xmujs4qMpPz8aaI4\"}";

/// draft-irtf-cfrg-rsa-guidance-10 appendix B; the other members follow from these.
pub(super) const RSA_3072: &str = "{\"kty\":\"RSA\",\"n\":\"r9ccqtXp9bjGw2cHCkfxnX5mrt4YpbJ0H7PE0zQ0VgaSotkJ72iI7GAv9rk68ljudDA8MBr81O\
    2-xDMR3cjdvwDdu-OG0zuNDiKxtEk23EiYcbhSN7NM50etj9sMTk0dqnqt8HOFxchzLMt9Wkni5QyIPH16wQ7Wp02ayQ\
    35EpkFoX1KCHIQ_Hi20EseuWlILBGm7recUOWxbz8lT3VxUosvFxargW1uygcnveqYBZMpcw64wzznHWHdSsOTtiVuB6\
    wdEk8CANHD4FpMG8fx7S_IPlcZnP5ZCLEAh-J_vZfSwkIUYZxxR8j778o5vCVnYqaCNTH34jTWjq56DZ-vEN0V6VI3gM\
    fVrlgJStUlqQY7TDP5XhAG2i6xLTdDaJSVwfICPkBzU8XrPkyhxIz_gaEJANFIIOuAGvTxpZbEuc6aUx_PilTZ_9ckJY\
    tu7CAQjfb9_XbUrgO6fqWY3LDkooCElYcob01_JWzoXl61Z5sdrMH5CVZJty5foHKusAN5\",\"e\":\"AQAB\",\"d\":\"JRfq\
    yzr-9L_65gOY35lXpdKhVKgzaNjhWEKy9Z7gn3kZe9LvHprdr4eG9rQSdEdAXjBCsh8vULeqc3cWgMO7y2wiWl1f9rVs\
    RxwYgqCjOwrxZaPtbCSdx3g-a8dYrDfmVy0z_jJQeO2VJlDy65YEkC75mlEaERnRPE_JpDoXXc37-xoUAP4XCTtpzTzb\
    iV9lQy6iGV-QURxzNrWKaF2s_y2vTF6S5WWxZlrmDlErqplluAjV_xGc63zWksv5IAZ6-s2An2a-cG2iaBCseQ2xVslI\
    5v5YG8mEkVf02kk_OmSwxuEZ4DGxB_hDbOKRYLRYuPnxCV_esZJjOE_1OHVXvE8QtANN6EFwO60sHnacI4U-tjCjbRBh\
    3UbipruvdDqX8LMsNvUMGjci3vOjlNkcLgeL8J15Xs3l5WuCAvl0Am91_FbpoN1qiPLny3jvEpjMbGUgfKRb03GIgHtP\
    zbHmDdjluFZI-376i2_dRI85dBqNmAn-Fjrz3kW6wkpahByB\"}";

/// draft-irtf-cfrg-rsa-guidance-10 appendix B; the other members follow from these.
pub(super) const RSA_4096: &str = "{\"kty\":\"RSA\",\"n\":\"j945U-VcSE8cQkquyQPfbznTDbFgUpaAGhgtOudGjhkns4b-edH6FhsolPhosaN18xnDBrO72l\
    _LRaETpVcOskcxgM_hEZ-gfCXkaIyiVeIVpqxWvBEH7iQzzOhFy29V9ruMMA6cA7NCFXOI1A-npF07DRBVtJo8OwpES3\
    JxlxVBQ14_yfKVb3heXMbRWYuficHBO_TF_vExB_DgFvVtdTvbL3Dxbsx1CNIL9QYsXGSL1btKc1XEKTXir-NWWVttDz\
    TqcpyOyYzown-HmxmcdN8uIu4wNi6S85243Jok9RntWvzR0uga4gP__YAo3AL4HTv0sLO6xCSxByUNIJjAbkrd8mkKTn\
    a3o5lzV9gr8-nsENeouIYqvAK2pnMokSFR47H0CVjHoq2F-2QrKwlUbdFhhPTz1MaP5gyGdwqUNCEcDcQsLiTt-QKi7U\
    1GhV4UVuZf1v4W1W2k48gJndlueywhYz4e0uNcxAkZes7n-5Hhm2ndPeE5JvHa_vzeO5gLT_AvkNmASBLMTqmKG1ZQD_\
    0c57KuknFMimoDHSm8t_BHsMm7znDf4OHw2wbO2viXadWOHBU-7oE3rYoPshyZSYI20EGAPLI8AD3mUQK5pzLDgbxBvh\
    fLSyEZk_YiBuwFfHFXUNXNMatnvmyGVepKtabLQBHCibNsEt4a96CO3Q0\",\"e\":\"AQAB\",\"d\":\"FQUznBn1d00zxE3UJ\
    uOteDtbJnOFrtt1gRqKNUKIcQek4Nq3AMaYwzUZo1Z-OYI4IBph_-8v4dLASP6ld7F2IL89MORurpwDn1AMBOiTaXf8k\
    Ns6WwUkAvwAI47Gb9hnF4NEktr3maTN4YN9ePqGlIHYuGpsE1S7uyafXuSsSxZccELrkA6lHeHY67ZS7UH0v_RyztdPP\
    JYyA0aC_2fBo_DocBCQ_g7ahLzn6VeLEL7SHZrdYGemHx1T7z4Ipkqw7xlcrf1I8ZLoiU6H2jYOQZdATvM9URVR_E1Nr\
    tHI15T_tJ0e7TFjiCVseDYLAkZeySqy8ER6Y-E2imQz_FDFQMACgncew1uleyn5XgeOKN1XjudxAE-vY7cuf9XedWqAk\
    nzwxaoLeR8MzC0T5vzIsTdEnxOpv5GKHRmv_gB9E2VJnPOZQps3f1_2zAvO_kEky4GFurZb_TX3Fv5v4mr-jmk2BQpUi\
    ae8n4-bS0VowdYoTcsc6JvejgPX1tUd-QRdd4XDLYO6X-KYPA5CoS7gZ6LeaTMgQQDZ_hOXXu1rraR02fveWCl20SoTQ\
    M2r3JCkruK3FGNOXAZBKEvNgloP1vNMiDHkf7QUgY7jLM7kEl6U9IU2DrjoGmJmwoY_L0-FiEDZQo-8rBtiF0S5vek7i\
    m5pKf1YTqEWu2mGbOuzT4M\"}";
