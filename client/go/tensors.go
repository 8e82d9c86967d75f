package stepd

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// Tensors are float32 numbers: all tensors back to back in declared order, or by name. An answer has the form of its
// request.
type Tensors struct {
	Packed []float32
	Named  map[string][]float32
}

// Packed are all tensors back to back.
func Packed(numbers []float32) Tensors { return Tensors{Packed: numbers} }

// Named are the tensors by name.
func Named(tensors map[string][]float32) Tensors { return Tensors{Named: tensors} }

// ApplyTo adds the updates to the parameters in place: p ← p + u.
func (updates Tensors) ApplyTo(params Tensors) {
	add(params.Packed, updates.Packed)
	for name, update := range updates.Named {
		add(params.Named[name], update)
	}
}

func add(params, updates []float32) {
	if len(params) != len(updates) {
		panic(fmt.Sprintf("stepd: cannot apply %d updates to %d parameters", len(updates), len(params)))
	}
	for i, update := range updates {
		params[i] += update
	}
}

// Dtype is a number type on the wire. BF16 halves the bytes, and rounds.
type Dtype string

const (
	F32  Dtype = "F32"
	BF16 Dtype = "BF16"
)

func (t Tensors) wire(dtype Dtype) any {
	if t.Named == nil {
		return dtype.bytes(t.Packed)
	}
	named := make(map[string][]byte, len(t.Named))
	for name, numbers := range t.Named {
		named[name] = dtype.bytes(numbers)
	}
	return named
}

func fromWire(data any, dtype Dtype) (Tensors, error) {
	switch data := data.(type) {
	case []byte:
		return Packed(dtype.numbers(data)), nil
	case map[string]any:
		named := make(map[string][]float32, len(data))
		for name, part := range data {
			bytes, _ := part.([]byte)
			named[name] = dtype.numbers(bytes)
		}
		return Named(named), nil
	}
	return Tensors{}, fmt.Errorf("cannot read %T as tensors: expected bytes, or bytes by name", data)
}

func (dtype Dtype) bytes(numbers []float32) []byte {
	if dtype == BF16 {
		data := make([]byte, 0, 2*len(numbers))
		for _, number := range numbers {
			data = binary.LittleEndian.AppendUint16(data, narrowed(number))
		}
		return data
	}
	data := make([]byte, 0, 4*len(numbers))
	for _, number := range numbers {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(number))
	}
	return data
}

func (dtype Dtype) numbers(data []byte) []float32 {
	if dtype == BF16 {
		numbers := make([]float32, len(data)/2)
		for i := range numbers {
			numbers[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
		return numbers
	}
	numbers := make([]float32, len(data)/4)
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return numbers
}

// narrowed is the upper half of a float32, rounded to the nearest, of two equally near to the even one.
func narrowed(number float32) uint16 {
	word := math.Float32bits(number)
	if number != number {
		// Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
		return uint16(word>>16) | 0x40
	}
	return uint16((word + 0x7fff + word>>16&1) >> 16)
}

// readSafetensors reads a safetensors file of F32 tensors.
func readSafetensors(file []byte) (map[string][]float32, error) {
	if len(file) < 8 || binary.LittleEndian.Uint64(file) > uint64(len(file)-8) {
		return nil, fmt.Errorf("cannot read %d bytes as a safetensors file: expected its header", len(file))
	}
	start := 8 + int(binary.LittleEndian.Uint64(file))
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(file[8:start], &header); err != nil {
		return nil, err
	}
	delete(header, "__metadata__")
	tensors := make(map[string][]float32, len(header))
	for name, entry := range header {
		tensors[name] = F32.numbers(file[start+entry.Offsets[0] : start+entry.Offsets[1]])
	}
	return tensors, nil
}
