package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// markers are the `+name=value` lines of a comment.
type markers map[string][]string

func nothing() *markers { return &markers{} }

func (m markers) has(name string) bool { _, ok := m[name]; return ok }

func (m markers) values(name string) []string { return m[name] }

func (m markers) value(name string) string {
	if values := m[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (m markers) atomic() bool {
	return m.value("structType") == "atomic" || m.value("mapType") == "atomic"
}

func parseMarkers(group *ast.CommentGroup, into markers) {
	if group == nil {
		return
	}
	for _, comment := range group.List {
		line := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//"))
		if marker, ok := strings.CutPrefix(line, "+"); ok {
			name, value, _ := strings.Cut(marker, "=")
			into[name] = append(into[name], value)
		}
	}
}

type pkg struct {
	types  map[string]markers
	fields map[string]markers // by Type.Field
	consts map[string]string
	enums  map[string][]string // values by type
}

type comments struct{ packages map[string]*pkg }

func (c *comments) ofType(goType reflect.Type) markers {
	if goType.PkgPath() == "" {
		return nil
	}
	return c.load(goType.PkgPath()).types[goType.Name()]
}

func (c *comments) ofField(owner reflect.Type, field string) markers {
	return c.load(owner.PkgPath()).fields[owner.Name()+"."+field]
}

// enum has the values of a type that is marked as an enumeration.
func (c *comments) enum(goType reflect.Type) []string {
	if goType.Kind() != reflect.String || !c.ofType(goType).has("enum") {
		return nil
	}
	values := slices.Clone(c.load(goType.PkgPath()).enums[goType.Name()])
	slices.Sort(values)
	return values
}

// resolve replaces `ref(Constant)` by its value.
func (c *comments) resolve(value string, goType reflect.Type) string {
	name, ok := strings.CutPrefix(value, "ref(")
	if !ok {
		return value
	}
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	constant := c.load(goType.PkgPath()).consts[strings.TrimSuffix(name, ")")]
	return strconv.Quote(constant)
}

func (c *comments) load(path string) *pkg {
	if known, ok := c.packages[path]; ok {
		return known
	}
	loaded := &pkg{map[string]markers{}, map[string]markers{}, map[string]string{}, map[string][]string{}}
	c.packages[path] = loaded
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		panic(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(folder)), "*.go"))
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "generated") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			panic(err)
		}
		for _, decl := range parsed.Decls {
			if general, ok := decl.(*ast.GenDecl); ok {
				c.read(loaded, general, parsed.Imports)
			}
		}
	}
	return loaded
}

func (c *comments) read(p *pkg, decl *ast.GenDecl, imports []*ast.ImportSpec) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			own := markers{}
			parseMarkers(decl.Doc, own)
			parseMarkers(spec.Doc, own)
			p.types[spec.Name.Name] = own
			if body, ok := spec.Type.(*ast.StructType); ok {
				p.readFields(spec.Name.Name, body)
			}
		case *ast.ValueSpec:
			c.readConst(p, spec, imports)
		}
	}
}

func (p *pkg) readFields(owner string, body *ast.StructType) {
	for _, field := range body.Fields.List {
		own := markers{}
		parseMarkers(field.Doc, own)
		for _, name := range field.Names {
			p.fields[owner+"."+name.Name] = own
		}
		if embedded, ok := field.Type.(*ast.SelectorExpr); ok && len(field.Names) == 0 {
			p.fields[owner+"."+embedded.Sel.Name] = own
		}
	}
}

func (c *comments) readConst(p *pkg, spec *ast.ValueSpec, imports []*ast.ImportSpec) {
	if len(spec.Names) != 1 || len(spec.Values) != 1 {
		return
	}
	expression, named := spec.Values[0], spec.Type
	if call, ok := expression.(*ast.CallExpr); ok && len(call.Args) == 1 {
		expression, named = call.Args[0], call.Fun
	}
	value, ok := c.text(expression, imports)
	if !ok {
		return
	}
	p.consts[spec.Names[0].Name] = value
	if named, ok := named.(*ast.Ident); ok {
		p.enums[named.Name] = append(p.enums[named.Name], value)
	}
}

// text is the value of a literal or of another package's constant.
func (c *comments) text(expression ast.Expr, imports []*ast.ImportSpec) (string, bool) {
	switch expression := expression.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(expression.Value)
		return value, err == nil && expression.Kind == token.STRING
	case *ast.SelectorExpr:
		for _, imported := range imports {
			name, ok := expression.X.(*ast.Ident)
			if ok && imported.Name != nil && imported.Name.Name == name.Name {
				value, ok := c.load(strings.Trim(imported.Path.Value, "\"")).consts[expression.Sel.Name]
				return value, ok
			}
		}
	}
	return "", false
}
