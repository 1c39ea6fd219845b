"""Stand-in for the ``loader`` package, alive only in a source checkout.

There the loader lives beside this package; in a wheel or a copied folder it is a package inside it, which
Python prefers to this module.  What has to lie beside us keeps a stranger's ``loader`` from being taken.
"""

from _frozen_importlib_external import SourceFileLoader  # as importlib.machinery has it, without that package
from os.path import abspath, dirname, isfile, join

_here = dirname(abspath(__file__))
_folder = join(dirname(_here), "loader")
if not all(isfile(join(_folder, name)) for name in ("__init__.py", "prototypes.py", join("..", "setup.cfg"))):
    raise ImportError(
        f"this copy of {__name__.rpartition('.')[0]} has no loader: copy the folder loader/ of the checkout into "
        f"{_here} as well, or let `python tools/vendor.py DEST` of the checkout make the copy"
    )
__path__ = [_folder]
__package__ = __name__
__file__ = join(_folder, "__init__.py")
if __spec__ is not None:
    __spec__.submodule_search_locations = __path__
exec(SourceFileLoader(__name__, __file__).get_code(__name__))
