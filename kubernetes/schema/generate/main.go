// Prints the table of types that the crate is built with; `cargo xtask schema` runs it.
//
// Names, numbers and pointers come from reflection, what only comments say (defaults, list types,
// enumerations, what is optional) from the sources of the same modules.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	"wharf.dev/schema/kinds"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	table := newTable(kinds.Scheme())
	if err := table.print(out); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// short cuts what all names have in common.
func short(name string) string { return strings.TrimPrefix(name, "io.k8s.") }

func modelName(t reflect.Type) (string, error) {
	named, ok := reflect.Zero(t).Interface().(interface{ OpenAPIModelName() string })
	if !ok {
		return "", fmt.Errorf("%v has no name in OpenAPI", t)
	}
	return named.OpenAPIModelName(), nil
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
