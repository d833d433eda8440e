"""Several reports of benchmarks as one: a table for people and a JSON file of the same form."""

import argparse
import json
import os


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def verdict(comparison):
    text = comparison["text"]
    if "aim" in comparison:
        text += f" (aim {comparison['aim']}: {'PASS' if comparison['met'] else 'over'})"
    return text.strip()


def print_section(section):
    print(f"\n{section['title']}")
    for figure in section["figures"]:
        spread = f"p99 {number(figure['p99'])}" if "n" in figure else ""
        value = f"{number(figure.get('p50', figure.get('value')))} {figure['unit']}"
        comparisons = "; ".join(verdict(each) for each in figure.get("comparisons", []))
        print(f"  {figure['name']:<58} {value:>16} {spread:>14}  {comparisons}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", help="JSON files of benchmarks")
    parser.add_argument("--json", required=True, help="file to write")
    options = parser.parse_args()
    whole = {"sections": []}
    for path in options.reports:
        with open(path, encoding="utf8") as file:
            report = json.load(file)
        whole["sections"] += report.pop("sections")
        whole = {**report, **whole}
    whole["load_average"] = os.getloadavg()
    with open(options.json, "w", encoding="utf8") as file:
        json.dump(whole, file, indent=2)
    for section in whole["sections"]:
        print_section(section)
    print("\nload average at the end: {:.1f} {:.1f} {:.1f}".format(*whole["load_average"]))


if __name__ == "__main__":
    main()
