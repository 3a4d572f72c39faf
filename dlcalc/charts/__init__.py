r"""Drawings of numbers, as text for a terminal and as SVG, by the standard library alone.

Each takes numbers and gives lines of text, or part of a picture of the same:

====================================  =================================  =============
what is drawn                         as text                            as SVG
====================================  =================================  =============
curves and examples over x            ``line.plot([Series(...), ...])``  ``svg.plot``
who is right where, in a plane        ``region.regions(Plane(...))``     ``svg.regions``
which class was taken for which       ``matrix.confusion(counts)``       ``svg.confusion``
====================================  =================================  =============

All texts take ``width``, which no line exceeds, and ``ascii=True`` for who cannot show
more; ``terminal.ascii_only()`` tells that of the environment. Where there is no room for
a drawing, there are no lines. Numbers that are not finite are left out, and it is said.

    from dlcalc.charts.line import Series, plot
    from dlcalc.charts.terminal import ascii_only

    print("\n".join(plot([Series("loss", steps, losses)], ascii=ascii_only())))

``svg.document(title, [svg.plot(...), svg.confusion(...)])`` puts parts into one picture.
"""
