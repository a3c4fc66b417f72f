#include "engine/evaluate/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace strata {
namespace {

// Expected digests: Python's hashlib.
TEST(Sha256Test, EqualsHashlib) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // One below, at and above where the length no longer fits the block, and a whole block.
  EXPECT_EQ(Sha256Hex(std::string(55, '\xe9')),
            "4360c08f65b8587805be341bb5578175f084778be8516ca7d454bb777c392817");
  EXPECT_EQ(Sha256Hex(std::string(56, '\xe9')),
            "122c3722de62b26d87b9c9052858242407aa9bf046f765b4f068b91aac77810d");
  EXPECT_EQ(Sha256Hex(std::string(57, '\xe9')),
            "ea23d40f4afcb8050baf39126ace4c5bc7851a8c0309c6e83d2fb6f720e094d7");
  EXPECT_EQ(Sha256Hex(std::string(63, '\xe9')),
            "5d09c64d021c3c4d56de5e9f1c9b7ded064a64b1591aaf9822365d6b706d7538");
  EXPECT_EQ(Sha256Hex(std::string(64, '\xe9')),
            "c474a957abb73dee49898fdd83f1c6bbee90ea6044f30087a106653afd613297");
  EXPECT_EQ(Sha256Hex(std::string(65, '\xe9')),
            "943e1cd0c8ab00154058f8f024d5973d57ae038c527c2ec2abc72e47d8c4958c");
  EXPECT_EQ(Sha256Hex(std::string(119, '\xe9')),
            "4516fb281cdc54c9046b4e7b9a9edad6f6295a4af608dd244c188d4a07ec8ecc");
  EXPECT_EQ(Sha256Hex(std::string(120, '\xe9')),
            "471ada1965ced8f56030ac56996f2cd45c98640c623965cfc13e5028b35524d9");
  EXPECT_EQ(Sha256Hex(std::string(1000, '\xe9')),
            "806d004c8140cb97eaa531c35d41c7209641b75e93d04813e7d256c28ef946ca");
}

}  // namespace
}  // namespace strata
