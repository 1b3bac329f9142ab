// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/bend.h"

#include <cstdint>
#include <limits>

namespace veilsum::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

uint64_t BentNumber(Input& input, uint64_t value) {
  switch (input.Below(8)) {
    case 0:
      return value + 1;
    case 1:
      return value - 1;
    case 2:
      return 0;
    case 3:
      return std::numeric_limits<uint64_t>::max();
    case 4:
      return value ^ uint64_t { 1 } << input.Below(64);
    case 5:
      return input.Byte();
    default:
      return input.U64();
  }
}

double BentFraction(Input& input, double value) {
  constexpr double kNotable[] = {0,
                                 -0.0,
                                 1,
                                 -1,
                                 std::numeric_limits<double>::quiet_NaN(),
                                 std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::denorm_min(),
                                 std::numeric_limits<double>::max()};
  const uint32_t which = input.Below(10);
  if (which < 8) return kNotable[which];
  return which == 8 ? value / 2 : static_cast<double>(input.Byte()) / 255;
}

void BendSingle(Input& input, Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (input.Below(8) == 7) return reflection.ClearField(&message, field);
      return Bend(input, *reflection.MutableMessage(&message, field));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string bytes = reflection.GetString(message, field);
      Bend(input, bytes);
      return reflection.SetString(&message, field, bytes);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const uint64_t bent = BentNumber(input, reflection.GetUInt32(message, field));
      return reflection.SetUInt32(&message, field, static_cast<uint32_t>(bent));
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t bent = BentNumber(input, reflection.GetUInt64(message, field));
      return reflection.SetUInt64(&message, field, bent);
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, field, input.Byte());
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const double bent = BentFraction(input, reflection.GetFloat(message, field));
      // Out of float's range, a conversion is not defined.
      return reflection.SetFloat(&message, field,
                                 bent > std::numeric_limits<float>::max()
                                     ? std::numeric_limits<float>::infinity()
                                     : static_cast<float>(bent));
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, field,
                                  BentFraction(input, reflection.GetDouble(message, field)));
    default:  // The messages have no fields of other types.
      return reflection.ClearField(&message, field);
  }
}

void BendRepeated(Input& input, Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, field);
  if (size == 0) {
    reflection.AddMessage(&message, field);
    return;
  }
  const int one = static_cast<int>(input.Below(static_cast<uint32_t>(size)));
  const int other = static_cast<int>(input.Below(static_cast<uint32_t>(size)));
  switch (input.Below(8)) {
    case 0:
      reflection.SwapElements(&message, field, one, size - 1);
      return reflection.RemoveLast(&message, field);
    case 1:
      return reflection.SwapElements(&message, field, one, other);
    case 2: {  // Once more, at the end.
      const auto& original = reflection.GetRepeatedMessage(message, field, one);
      Message* copy = original.New();
      copy->CopyFrom(original);
      return reflection.AddAllocatedMessage(&message, field, copy);
    }
    case 3:  // In place of another.
      return reflection.MutableRepeatedMessage(&message, field, other)
          ->CopyFrom(reflection.GetRepeatedMessage(message, field, one));
    case 4:
      return reflection.ClearField(&message, field);
    default:
      return Bend(input, *reflection.MutableRepeatedMessage(&message, field, one));
  }
}

}  // namespace

void Bend(Input& input, std::string& bytes) {
  const uint32_t at = bytes.empty() ? 0 : input.Below(static_cast<uint32_t>(bytes.size()));
  switch (bytes.empty() ? 7 : input.Below(8)) {
    case 0:
      bytes.resize(at);
      return;
    case 1:
      bytes.push_back(static_cast<char>(input.Byte()));
      return;
    case 2:
      bytes[at] = static_cast<char>(input.Byte());
      return;
    case 3:
      bytes.erase(at, 1);
      return;
    case 4:
      bytes.insert(at, input.Text(input.Below(8)));
      return;
    case 7:
      bytes = input.Text(input.Below(80));
      return;
    default:
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << input.Below(8));
  }
}

void Bend(Input& input, Message& message) {
  const auto* descriptor = message.GetDescriptor();
  if (descriptor->field_count() == 0) return;
  const FieldDescriptor* field =
      descriptor->field(static_cast<int>(input.Below(descriptor->field_count())));
  // Of a oneof, mostly the one that is there.
  if (const auto* oneof = field->containing_oneof(); oneof != nullptr && input.Below(8) != 7) {
    const auto* present = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
    if (present != nullptr) field = present;
  }
  if (field->is_repeated()) return BendRepeated(input, message, field);
  BendSingle(input, message, field);
}

}  // namespace veilsum::fuzz
