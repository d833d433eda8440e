#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace faultd {

// Reads a message from the wire or, for seeds that people can read, from protobuf's text format.
// false when it is none.
inline bool ReadMessage(bool text, std::string_view input, google::protobuf::Message& message) {
  google::protobuf::SetLogHandler(nullptr);  // what is wrong with a text
  std::string wire(input);
  if (text) {
    if (!google::protobuf::TextFormat::ParseFromString(wire, &message)) return false;
    wire = message.SerializeAsString();
  }
  return message.ParseFromString(wire);
}

// Whether a message is the same after a way over the wire; one with a NaN is not.
template <typename Message>
bool Survives(const Message& message) {
  Message copy;
  return copy.ParseFromString(message.SerializeAsString()) &&
         google::protobuf::util::MessageDifferencer::Equals(message, copy);
}

}  // namespace faultd
