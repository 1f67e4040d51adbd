package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

type table struct {
	scheme   *runtime.Scheme
	comments *comments
	types    map[string]reflect.Type
	atomic   map[string]bool
	lines    map[string][]string
	err      error
}

func newTable(scheme *runtime.Scheme) *table {
	return &table{
		scheme:   scheme,
		comments: &comments{packages: map[string]*pkg{}},
		types:    map[string]reflect.Type{},
		atomic:   map[string]bool{},
		lines:    map[string][]string{},
	}
}

func (t *table) print(out io.Writer) error {
	kinds := map[string][]string{} // "Kind type" to its groups and versions
	for gvk, goType := range t.scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal {
			continue
		}
		name := t.add(goType)
		if t.err != nil {
			return t.err
		}
		key := gvk.Kind + " " + short(name)
		kinds[key] = append(kinds[key], gvk.GroupVersion().String())
	}
	fmt.Fprintln(out, "# Written by `cargo xtask schema`; the format is described in src/builtin.rs.")
	for _, name := range sorted(t.types) {
		flag := ""
		if t.atomic[name] {
			flag = " a"
		}
		fmt.Fprintf(out, "T %s%s\n", short(name), flag)
		for _, line := range t.lines[name] {
			fmt.Fprintln(out, line)
		}
	}
	for _, key := range sorted(kinds) {
		groups := map[string]bool{}
		for _, group := range kinds[key] {
			groups[group] = true
		}
		fmt.Fprintf(out, "K %s %s\n", key, strings.Join(sorted(groups), ","))
	}
	return t.err
}

// add puts a structure and what it refers to into the table.
func (t *table) add(goType reflect.Type) string {
	name, err := modelName(goType)
	if err != nil {
		t.fail(err)
		return ""
	}
	if _, known := t.types[name]; known {
		return name
	}
	t.types[name] = goType
	markers := t.comments.ofType(goType)
	t.atomic[name] = markers.value("structType") == "atomic" || markers.value("mapType") == "atomic"
	t.lines[name] = t.fields(goType, nil, name)
	return name
}

func (t *table) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// fields writes a line for each field; those of inlined structures count as the outer one's.
func (t *table) fields(goType reflect.Type, outer []string, owner string) []string {
	var lines []string
	for i := range goType.NumField() {
		field := goType.Field(i)
		json := strings.Split(field.Tag.Get("json"), ",")
		tag := protobufTag(field)
		inlined := field.Anonymous && json[0] == ""
		switch {
		case json[0] == "-":
		case inlined:
			// Without a number of its own it is not in protobuf at all, as TypeMeta.
			lines = append(lines, t.fields(field.Type, append(append([]string{}, outer...), tag), owner)...)
		case json[0] == "":
			t.fail(fmt.Errorf("%v.%s has no name in JSON", goType, field.Name))
		default:
			lines = append(lines, t.field(goType, field, json, append(append([]string{}, outer...), tag), owner))
		}
	}
	return lines
}

func protobufTag(field reflect.StructField) string {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
