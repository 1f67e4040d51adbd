package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// special are the types that write themselves, and their letters in the table.
var special = map[reflect.Type]string{
	reflect.TypeFor[meta.Time]():                                  "t",
	reflect.TypeFor[meta.MicroTime]():                             "u",
	reflect.TypeFor[meta.Duration]():                              "d",
	reflect.TypeFor[resource.Quantity]():                          "q",
	reflect.TypeFor[intstr.IntOrString]():                         "I",
	reflect.TypeFor[runtime.RawExtension]():                       "x",
	reflect.TypeFor[meta.FieldsV1]():                              "x",
	reflect.TypeFor[apiextensions.JSON]():                         "x",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrBool]():        "x",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrArray]():       "x",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrStringArray](): "x",
	reflect.TypeFor[any]():                                        "x",
	reflect.TypeFor[[]byte]():                                     "B",
}

// field writes `name tag shape [flags] [key:value]...`.
func (t *table) field(owner reflect.Type, field reflect.StructField, tags, path []string, name string) string {
	markers := t.comments.ofField(owner, field.Name)
	goType, flags := field.Type, ""
	if goType.Kind() == reflect.Pointer {
		goType, flags = goType.Elem(), "p"
	}
	omitempty := slices.Contains(tags[1:], "omitempty")
	if omitempty {
		flags += "o"
	}
	if slices.Contains(tags[1:], "omitzero") {
		flags += "z"
	}
	if !markers.has("optional") && (!omitempty || markers.has("required")) {
		flags += "r"
	}
	if markers.has("nullable") {
		flags += "n"
	}
	number := strings.Join(path, "/")
	if slices.Contains(path, "") {
		number = "0"
	}
	if markers == nil {
		markers = *nothing()
	}
	if !markers.has("listType") && field.Tag.Get("patchStrategy") == "merge" {
		// Older lists say how they are applied only by how they are patched.
		markers["listType"] = []string{"set"}
		if key := field.Tag.Get("patchMergeKey"); key != "" {
			markers["listType"], markers["listMapKey"] = []string{"map"}, []string{key}
		}
	}
	shape, derived := t.shape(goType, &markers, name)
	line := []string{tags[0], number, shape}
	if flags != "" {
		line = append(line, flags)
	}
	if goType.String() != derived {
		line = append(line, "go:"+goType.String())
	}
	if wire := wire(goType); wire != "" {
		line = append(line, "wire:"+wire)
	}
	if of := openapiRef(goType); of != "" {
		line = append(line, "ref:"+short(of))
	}
	line = append(line, t.marked(field, goType, markers)...)
	if markers.value("structType") == "atomic" || markers.value("mapType") == "atomic" {
		if strings.HasPrefix(shape, "=") && !t.comments.ofType(goType).atomic() {
			t.fail(fmt.Errorf("%v.%s alone is atomic", owner, field.Name))
		}
	}
	return strings.Join(line, " ")
}

// marked are the flags from tags and comments.
func (t *table) marked(field reflect.StructField, goType reflect.Type, markers markers) []string {
	var line []string
	if strategy := field.Tag.Get("patchStrategy"); strategy != "" {
		line = append(line, "patch:"+strategy)
	}
	if key := field.Tag.Get("patchMergeKey"); key != "" {
		line = append(line, "key:"+key)
	}
	for slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.Pointer}, goType.Kind()) {
		goType = goType.Elem()
	}
	if values := t.comments.enum(goType); len(values) > 0 {
		line = append(line, "enum:"+strings.ReplaceAll(strings.Join(values, ","), " ", "%20"))
	}
	if value := t.comments.resolve(markers.value("default"), field.Type); value != "" {
		var parsed any
		if err := json.Unmarshal([]byte(value), &parsed); err != nil || strings.Contains(value, " ") {
			t.fail(fmt.Errorf("default %s of %s", value, field.Name))
		}
		line = append(line, "default:"+value)
	}
	return line
}

// shape also returns the Go type that the shape suggests.
func (t *table) shape(goType reflect.Type, markers *markers, owner string) (string, string) {
	if letter, ok := special[goType]; ok {
		return letter, goType.String()
	}
	switch goType.Kind() {
	case reflect.String:
		return "s", "string"
	case reflect.Bool:
		return "b", "bool"
	case reflect.Int32:
		return "i", "int32"
	case reflect.Int64:
		return "l", "int64"
	case reflect.Float64:
		return "n", "float64"
	case reflect.Pointer:
		return t.shape(goType.Elem(), markers, owner)
	case reflect.Struct:
		name := t.add(goType)
		return "=" + relative(name, owner), goType.String()
	case reflect.Slice:
		kind := t.listKind(goType, markers)
		inner, derived := t.shape(goType.Elem(), nothing(), owner)
		return kind + inner, "[]" + derived
	case reflect.Map:
		kind := "{}"
		if markers.value("mapType") == "atomic" || t.comments.ofType(goType).atomic() {
			kind = "{a}"
		}
		inner, derived := t.shape(goType.Elem(), nothing(), owner)
		return kind + inner, "map[string]" + derived
	}
	t.fail(fmt.Errorf("no shape for %v", goType))
	return "", ""
}

func (t *table) listKind(goType reflect.Type, markers *markers) string {
	kind := markers.value("listType")
	if kind == "" {
		kind = t.comments.ofType(goType).value("listType")
	}
	switch kind {
	case "map":
		return "[" + strings.Join(markers.values("listMapKey"), ",") + "]"
	case "set":
		return "[s]"
	default:
		return "[]"
	}
}

// relative leaves out the group and version that the owner also has.
func relative(name, owner string) string {
	dot := strings.LastIndex(owner, ".")
	if rest, ok := strings.CutPrefix(name, owner[:dot]); ok && strings.Count(rest, ".") == 1 {
		return rest
	}
	return short(name)
}

// wire says what protobuf has for a type that JSON does not show.
func wire(goType reflect.Type) string {
	switch goType {
	case reflect.TypeFor[apiextensions.JSONSchemaPropsOrBool]():
		return "bool"
	case reflect.TypeFor[apiextensions.JSONSchemaPropsOrArray]():
		return "array"
	}
	element := goType
	if element.Kind() == reflect.Map {
		element = element.Elem()
	}
	switch {
	case element == reflect.TypeFor[apiextensions.JSONSchemaPropsOrStringArray]():
		return "strings"
	case element.Kind() == reflect.Slice && element.Implements(reflect.TypeFor[interface{ String() string }]()) && isMessage(element):
		return "items"
	}
	return ""
}

func isMessage(goType reflect.Type) bool {
	_, ok := reflect.PointerTo(goType).MethodByName("Marshal")
	return ok
}

// openapiRef names the types that are written as any JSON but have a name of their own.
func openapiRef(goType reflect.Type) string {
	for goType.Kind() == reflect.Slice || goType.Kind() == reflect.Map {
		if goType == reflect.TypeFor[[]byte]() {
			return ""
		}
		goType = goType.Elem()
	}
	if special[goType] != "x" || goType == reflect.TypeFor[any]() {
		return ""
	}
	name, err := modelName(goType)
	if err != nil {
		return ""
	}
	return name
}
