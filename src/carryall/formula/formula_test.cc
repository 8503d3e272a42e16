#include "carryall/formula/formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

namespace carryall::formula {
namespace {

using testing::HasSubstr;

std::vector<double> ValuesOf(std::string_view text, const std::vector<double>& t) {
  const Formula formula = Formula::Parse(text).ValueOrDie();
  std::vector<double> out(t.size()), scratch;
  formula.Evaluate(t.data(), static_cast<int64_t>(t.size()), out.data(), &scratch);
  return out;
}

double ValueOf(std::string_view text, double t = 0) { return ValuesOf(text, {t})[0]; }

std::string ErrorOf(std::string_view text) {
  const auto formula = Formula::Parse(text);
  EXPECT_FALSE(formula.ok()) << text;
  EXPECT_EQ(KindOf(formula.status()), ErrorKind::kInvalidArgument);
  return formula.status().message();
}

std::vector<std::string> SplitAtTabs(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) out.push_back(field);
  return out;
}

double FromBits(const std::string& hex) {
  if (hex == "nan") return std::nan("");
  const uint64_t bits = std::stoull(hex, nullptr, 16);
  double out = 0;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

/// Units in the last place of the larger one.
double Ulps(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double larger = std::max(std::fabs(a), std::fabs(b));
  return std::fabs(a - b) / (std::nextafter(larger, HUGE_VAL) - larger);
}

TEST(Formula, AgreesWithSympyAndNumpyToFourUnitsInTheLastPlace) {
  std::ifstream file(CARRYALL_SOURCE_DIR "/src/carryall/formula/testdata/formulas.txt");
  std::vector<double> t;
  int formulas = 0, values = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::vector<std::string> fields = SplitAtTabs(line);
    if (t.empty()) {
      for (size_t i = 1; i < fields.size(); ++i) t.push_back(FromBits(fields[i]));
      continue;
    }
    ASSERT_EQ(fields.size(), t.size() + 1) << line;
    ++formulas;
    const std::vector<double> ours = ValuesOf(fields[0], t);
    for (size_t i = 0; i < t.size(); ++i) {
      if (fields[i + 1] == "-") continue;
      ++values;
      const double stock = FromBits(fields[i + 1]);
      EXPECT_LE(Ulps(ours[i], stock), 4)
          << fields[0] << " at t = " << t[i] << ": " << ours[i] << ", stock " << stock;
    }
  }
  EXPECT_GT(formulas, 500);
  EXPECT_GT(values, 10'000);
}

TEST(Formula, FollowsPythonsPrecedence) {
  EXPECT_EQ(ValueOf("-2**2"), -4);
  EXPECT_EQ(ValueOf("2**3**2"), 512);
  EXPECT_EQ(ValueOf("2**-1"), 0.5);
  EXPECT_EQ(ValueOf("7 - 2 - 1"), 4);
  EXPECT_EQ(ValueOf("12/2*3"), 18);
  EXPECT_EQ(ValueOf("-7 // 2"), -4);
  EXPECT_EQ(ValueOf("-7 % 3"), 2);
  EXPECT_EQ(ValueOf("7 % -3"), -2);
  EXPECT_EQ(ValueOf("t % -3", 7), -2);
  EXPECT_EQ(ValueOf("-t**2", 3), -9);
  EXPECT_EQ(ValueOf("--+t", 3), 3);
}

TEST(Formula, DividesWholeNumbersExactly) {
  EXPECT_EQ(ValueOf("1/3*3"), 1);
  EXPECT_EQ(ValueOf("t/3", 1), 1 / 3.0);
  EXPECT_EQ(ValueOf("1_000_000_007 % 10"), 7);
}

TEST(Formula, KnowsConditions) {
  EXPECT_EQ(ValuesOf("t < 2", {1, 2, 3}), (std::vector<double>{1, 0, 0}));
  EXPECT_EQ(ValuesOf("(t >= 1) & (t < 3) | Eq(t, 5)", {0, 1, 2, 3, 5}),
            (std::vector<double>{0, 1, 1, 0, 1}));
  EXPECT_EQ(ValuesOf("Piecewise((1, t < 1), (2, ~(t < 2)), (3, True))", {0, 1, 2}),
            (std::vector<double>{1, 3, 2}));
  EXPECT_TRUE(std::isnan(ValueOf("Piecewise((1, t < 1))", 2)));
  EXPECT_EQ(ValuesOf("Heaviside(t)", {-1, 0, 1}), (std::vector<double>{0, 0.5, 1}));
}

TEST(Formula, GivesTheSameForAnyCutOfARun) {
  const Formula formula =
      Formula::Parse("sin(2*pi*t/7)*Max(t % 3, 1) + t**2").ValueOrDie();
  std::vector<double> t(5000), whole(t.size()), parts(t.size()), scratch;
  for (size_t i = 0; i < t.size(); ++i) t[i] = 1e9 + static_cast<double>(i) / 16384;
  formula.Evaluate(t.data(), 5000, whole.data(), &scratch);
  for (int64_t at = 0, n = 1; at < 5000; at += n, n = n * 3 % 701 + 1) {
    n = std::min<int64_t>(n, 5000 - at);
    formula.Evaluate(t.data() + at, n, parts.data() + at, &scratch);
  }
  EXPECT_EQ(whole, parts);
}

TEST(Formula, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(ErrorOf("sin(x)"),
              HasSubstr("unknown name 'x' (the variable is t) at column 5"));
  EXPECT_THAT(ErrorOf("foo(t)"),
              HasSubstr("unknown function 'foo' at column 1 of 'foo(t)'"));
  EXPECT_THAT(ErrorOf("sin(t"), HasSubstr("found the end at column 6"));
  EXPECT_THAT(ErrorOf("2 t"), HasSubstr("unexpected 't' at column 3"));
  EXPECT_THAT(ErrorOf("t ^ 2"), HasSubstr("unexpected '^' at column 3"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("unexpected end at column 1"));
  EXPECT_THAT(ErrorOf("1 < t < 5"), HasSubstr("chain of comparisons"));
  EXPECT_THAT(ErrorOf("t == 5"), HasSubstr("write Eq(a, b)"));
  EXPECT_THAT(ErrorOf("sin(t, 2)"), HasSubstr("sin takes 1 argument, not 2"));
  EXPECT_THAT(ErrorOf("(t < 1) + 1"), HasSubstr("a condition where a number is needed"));
  EXPECT_THAT(ErrorOf("Piecewise((1, t))"), HasSubstr("a number where a condition"));
  EXPECT_THAT(ErrorOf("t < 5 & t > 2"), HasSubstr("a number where a condition"));
  EXPECT_THAT(ErrorOf("1/(t - t)"), HasSubstr("division by zero at column 2"));
  EXPECT_THAT(ErrorOf("(-8)**(1/3)"), HasSubstr("not real"));
  EXPECT_THAT(ErrorOf("1e999*t"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf("t\x01"), HasSubstr("a character that no formula has"));
  EXPECT_THAT(ErrorOf("__import__('os')"), HasSubstr("invalid formula"));
}

TEST(Formula, IsBoundedInSizeDepthAndNodes) {
  EXPECT_THAT(ErrorOf(std::string(5000, ' ')), HasSubstr("longer than 4096 bytes"));
  EXPECT_THAT(ErrorOf(fmt::format("{0:(>100}t{0:)>100}", "")),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(ErrorOf(fmt::format("{:->1000}", "t")), HasSubstr("nested too deeply"));
  std::string powers = "t", sum = "t";
  for (int i = 0; i < 100; ++i) powers += "**t";
  for (int i = 0; i < 300; ++i) sum += "+t";
  EXPECT_THAT(ErrorOf(powers), HasSubstr("nested too deeply"));
  EXPECT_THAT(ErrorOf(sum), HasSubstr("more than 256 operations"));
  EXPECT_FALSE(Formula::Parse("2**2**2**2**2**2**2").ok());
  EXPECT_FALSE(Formula::Parse("(10**4000)**4000*t").ok());
}

TEST(Formula, SurvivesRandomText) {
  const std::vector<std::string> words{
      "t",   "sin", "(", ")", ",",  "**", "%", "/",  "Piecewise", "1e3", "0",
      "<",   "&",   "~", "-", "pi", "E",  "7", "//", "Mod",       "exp", "1/3",
      "log", "0.1", "*", "+", ">=", "|",  "t", "(",  ")",         "Max", "Heaviside"};
  uint64_t state = 7;
  int parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (int i = 0; i < 1 + round % 15; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      text += words[(state >> 33) % words.size()] + " ";
    }
    const auto formula = Formula::Parse(text);
    if (!formula.ok()) continue;
    ++parsed;
    const double t = 3.5;
    double out = 0;
    std::vector<double> scratch;
    formula->Evaluate(&t, 1, &out, &scratch);
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace carryall::formula
