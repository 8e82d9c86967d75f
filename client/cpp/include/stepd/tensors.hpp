#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Tensors as the wire carries them: little-endian F32 or BF16, row-major, unpadded.
namespace stepd {

using Json = nlohmann::json;
using Bytes = Json::binary_t;
using Floats = std::vector<float>;
using Named = std::map<std::string, Floats>;

/// Float32 numbers: all tensors back to back in declared order, or by name. The answer has the form of the request.
using Tensors = std::variant<Floats, Named>;

/// Number type on the wire. BF16 halves the bytes, and rounds.
enum class Dtype { F32, BF16 };

inline const char* name_of(Dtype dtype) { return dtype == Dtype::F32 ? "F32" : "BF16"; }

/// Add the updates to the parameters in place: p ← p + u.
inline void apply_updates(Floats& params, const Floats& updates) {
  if (params.size() != updates.size())
    throw std::invalid_argument("Cannot apply " + std::to_string(updates.size()) + " updates to " +
                                std::to_string(params.size()) + " parameters: expected as many");
  for (std::size_t i = 0; i < params.size(); ++i) params[i] += updates[i];
}

namespace wire {

/// The upper half of a float32, rounded to the nearest, of two equally near to the even one.
inline std::uint16_t narrowed(float number) {
  std::uint32_t word;
  std::memcpy(&word, &number, 4);
  // Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
  if (std::isnan(number)) return static_cast<std::uint16_t>(word >> 16 | 0x40);
  return static_cast<std::uint16_t>((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

/// Byte by byte, so that it is little-endian on every machine.
inline Json bytes(const Floats& numbers, Dtype dtype) {
  std::vector<std::uint8_t> data;
  data.reserve(numbers.size() * (dtype == Dtype::F32 ? 4 : 2));
  for (float number : numbers) {
    std::uint32_t word;
    std::memcpy(&word, &number, 4);
    if (dtype == Dtype::BF16) word = narrowed(number);
    for (int at = 0; at < (dtype == Dtype::F32 ? 32 : 16); at += 8) data.push_back(word >> at & 0xff);
  }
  return Json::binary(std::move(data));
}

inline Floats numbers(const std::uint8_t* data, std::size_t size, Dtype dtype) {
  const std::size_t width = dtype == Dtype::F32 ? 4 : 2;
  Floats result(size / width);
  for (std::size_t i = 0; i < result.size(); ++i) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < width; ++k) word |= std::uint32_t{data[i * width + k]} << (8 * k + (4 - width) * 8);
    std::memcpy(&result[i], &word, 4);
  }
  return result;
}

inline Json encode(const Tensors& tensors, Dtype dtype) {
  if (auto* packed = std::get_if<Floats>(&tensors)) return bytes(*packed, dtype);
  Json named = Json::object();
  for (auto& [name, values] : std::get<Named>(tensors)) named[name] = bytes(values, dtype);
  return named;
}

inline Tensors decode(const Json& data, Dtype dtype) {
  if (data.is_binary()) return numbers(data.get_binary().data(), data.get_binary().size(), dtype);
  Named named;
  for (auto& [name, part] : data.items())
    named[name] = numbers(part.get_binary().data(), part.get_binary().size(), dtype);
  return named;
}

/// Reads a safetensors file of F32 tensors.
inline Named safetensors(const std::string& file) {
  auto* data = reinterpret_cast<const std::uint8_t*>(file.data());
  std::uint64_t length = 0;
  for (int k = 0; k < 8 && file.size() >= 8; ++k) length |= std::uint64_t{data[k]} << (8 * k);
  if (file.size() < 8 || length > file.size() - 8) throw std::runtime_error("Cannot read a safetensors file: cut off");
  Named tensors;
  const Json header = Json::parse(file.begin() + 8, file.begin() + 8 + length);
  for (auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::uint64_t from = entry.at("data_offsets").at(0), to = entry.at("data_offsets").at(1);
    if (from > to || to > file.size() - 8 - length) throw std::runtime_error("Cannot read " + name + ": cut off");
    tensors[name] = numbers(data + 8 + length + from, to - from, Dtype::F32);
  }
  return tensors;
}

}  // namespace wire
}  // namespace stepd
