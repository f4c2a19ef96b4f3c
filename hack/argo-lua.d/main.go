// argo-lua runs a script of Argo CD's resource customizations under the rules of Argo CD's own Lua machine: the libraries
// base, table and package; of `os` only time and date, and these by require("os") alone; the object as the global `obj`;
// one second at most. Source: https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

const limit = time.Second

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: argo-lua SCRIPT < object.json"))
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	var obj map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&obj); err != nil {
		fail(fmt.Errorf("stdin holds no object: %w", err))
	}
	result, err := run(string(script), obj)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(restoreEmptyMaps(result, obj)); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "argo-lua:", err)
	os.Exit(1)
}

// run gives the table that the script returns, as JSON has it.
func run(script string, obj map[string]any) (any, error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	open(l, lua.LoadLibName, lua.OpenPackage)
	open(l, lua.BaseLibName, lua.OpenBase)
	open(l, lua.TabLibName, lua.OpenTable)
	l.PreloadModule(lua.OsLibName, timeOnly)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	l.SetContext(ctx)
	l.SetGlobal("obj", luajson.DecodeValue(l, obj))
	if err := l.DoString(script); err != nil {
		return nil, err
	}
	returned := l.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script returns a %s, not a table", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return nil, err
	}
	var result any
	err = json.Unmarshal(text, &result)
	return result, err
}

func open(l *lua.LState, name string, library lua.LGFunction) {
	parameters := lua.P{Fn: l.NewFunction(library), Protect: true}
	if err := l.CallByParam(parameters, lua.LString(name)); err != nil {
		fail(err)
	}
}

// timeOnly is `os` as far as Argo CD opens it.
func timeOnly(l *lua.LState) int {
	lua.OpenOs(l)
	whole := l.Get(-1).(*lua.LTable)
	part := l.NewTable()
	for _, name := range []string{"time", "date"} {
		part.RawSetString(name, whole.RawGetString(name))
	}
	l.SetGlobal(lua.OsLibName, lua.LNil)
	l.Push(part)
	return 1
}

// restoreEmptyMaps makes an empty list, which an empty table becomes, a map again where it was one, as Argo CD does.
func restoreEmptyMaps(result, before any) any {
	switch result := result.(type) {
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			for key, value := range result {
				result[key] = restoreEmptyMaps(value, before[key])
			}
		}
	case []any:
		if before, ok := before.(map[string]any); ok && len(result) == 0 {
			return before
		}
		if before, ok := before.([]any); ok {
			for i := range result {
				if i < len(before) {
					result[i] = restoreEmptyMaps(result[i], before[i])
				}
			}
		}
	}
	return result
}
